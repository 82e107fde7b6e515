//! What tests need of the system that Rust has no safe word for.

#[path = "../../../src/sys/cold.rs"]
pub(crate) mod cold;

#[cfg(not(feature = "early"))]
pub(crate) mod filter;
#[cfg(not(feature = "early"))]
pub(crate) mod places;
#[cfg(not(feature = "early"))]
pub(crate) mod supervisor;

#[cfg(all(feature = "signal", not(feature = "early")))]
pub(crate) mod situations;

pub(crate) mod process {
    //! Forks and signal handlers.

    /// Runs `child` in a forked child; what it says with its exit status.
    pub(crate) fn fork(child: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child makes system calls only, then leaves at once.
        let process = unsafe { libc::fork() };
        if process == 0 {
            let code = if child() { 0 } else { 1 };
            // SAFETY: ends the child without running what the parent registered.
            unsafe { libc::_exit(code) };
        }
        assert!(process > 0, "a child can be made");
        let mut status = -1;
        // SAFETY: the status is ours.
        assert_eq!(unsafe { libc::waitpid(process, &raw mut status, 0) }, process);
        status == 0
    }

    /// Ends this process at once, by `exit_group` alone.
    #[cfg(not(feature = "early"))]
    pub(crate) fn leave(code: i32) -> ! {
        // SAFETY: ends this process, without what the program would do first.
        unsafe { libc::_exit(code) }
    }

    /// Installs `handler` for `number`.
    pub(crate) fn handle(number: i32, handler: extern "C" fn(i32)) {
        // SAFETY: the handlers of these tests fence and store, no more.
        unsafe { libc::signal(number, handler as *const () as usize) };
    }

    /// Raises `number` in this thread; returns after its handler.
    pub(crate) fn raise(number: i32) {
        // SAFETY: it has a handler.
        unsafe { libc::raise(number) };
    }

    /// Blocks `number` in this thread.
    #[cfg(all(feature = "signal", not(feature = "early")))]
    pub(crate) fn block(number: i32) {
        // SAFETY: an all-zero set is a set.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is ours.
        unsafe { libc::sigaddset(&raw mut set, number) };
        // SAFETY: the set lives through the call.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    }
}

pub(crate) mod library {
    //! The example `plugin`, loaded.

    use std::ffi::{CStr, CString, c_void};
    use std::ptr::NonNull;

    /// What the library exports.
    pub(crate) struct Plugin {
        #[cfg(all(feature = "signal", not(feature = "early")))]
        handle: usize,
        pub(crate) is_registered: extern "C" fn() -> bool,
        pub(crate) register: extern "C" fn() -> bool,
        pub(crate) light: extern "C" fn(),
        pub(crate) heavy: extern "C" fn(),
    }

    impl Plugin {
        /// What builds it, with the features of this test.
        #[cfg(feature = "signal")]
        pub(crate) const BUILD: &str = "cargo build -p bonfire --features signal --example plugin";
        #[cfg(not(feature = "signal"))]
        pub(crate) const BUILD: &str = "cargo build -p bonfire --example plugin";

        /// Loads the library from beside this test, if it was built.
        pub(crate) fn load() -> Option<Self> {
            let tests = std::env::current_exe().ok()?;
            let path = tests.parent()?.parent()?.join("examples/libplugin.so");
            let path = CString::new(path.to_str()?).ok()?;
            // SAFETY: a path of our own library; its initialisers are ours.
            let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
            if library.is_null() {
                return None;
            }
            // SAFETY: the example exports these names with these types.
            let bools = [c"plugin_is_registered", c"plugin_register"].map(|name| unsafe {
                std::mem::transmute::<*mut c_void, extern "C" fn() -> bool>(symbol(library, name))
            });
            // SAFETY: as above.
            let fences = [c"plugin_light", c"plugin_heavy"].map(|name| unsafe {
                std::mem::transmute::<*mut c_void, extern "C" fn()>(symbol(library, name))
            });
            let ([is_registered, register], [light, heavy]) = (bools, fences);
            Some(Self {
                #[cfg(all(feature = "signal", not(feature = "early")))]
                handle: library.expose_provenance(),
                is_registered,
                register,
                light,
                heavy,
            })
        }

        /// Has the library install signal `number`, if it was built with that.
        #[cfg(all(feature = "signal", not(feature = "early")))]
        pub(crate) fn install_signal(&self, number: i32) -> Option<bool> {
            let install = optional(self.handle(), c"plugin_install_signal")?;
            // SAFETY: the example exports this name with this type.
            let install =
                unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(i32) -> bool>(install.as_ptr()) };
            Some(install(number))
        }

        /// The loader's handle: a name, not a place.
        #[cfg(all(feature = "signal", not(feature = "early")))]
        fn handle(&self) -> *mut c_void {
            std::ptr::with_exposed_provenance_mut(self.handle)
        }

        /// Closes the library, which is the end of it if nothing keeps it.
        #[cfg(all(feature = "signal", not(feature = "early")))]
        pub(crate) fn close(self) {
            // SAFETY: nothing of it is used from here on.
            unsafe { libc::dlclose(self.handle()) };
        }
    }

    fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
        optional(library, name).unwrap_or_else(|| panic!("{name:?} is exported")).as_ptr()
    }

    fn optional(library: *mut c_void, name: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: the library is loaded and stays so; the name is a C string.
        NonNull::new(unsafe { libc::dlsym(library, name.as_ptr()) })
    }
}
