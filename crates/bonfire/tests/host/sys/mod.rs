//! What tests need of the system that Rust has no safe word for.

#[path = "../../../src/sys/cold.rs"]
pub(crate) mod cold;

#[cfg(not(feature = "early"))]
pub(crate) mod filter {
    //! Seccomp filters before `membarrier`.

    use bonfire::Command;

    /// What a filter does with the calls that it is for.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Then {
        /// Fails them with this error number; 0 is a lie.
        Return(u32),
        /// Kills the thread.
        KillThread,
        /// Kills the process.
        KillProcess,
    }

    /// Installs a filter for this thread and those it starts: `membarrier` with
    /// one of `commands` (all, if empty) meets `then`.
    pub(crate) fn install(commands: &[Command], then: Then) {
        install_for(libc::SYS_membarrier, commands, then);
    }

    /// The same for another system call, whatever its arguments.
    pub(crate) fn install_before(call: libc::c_long, then: Then) {
        install_for(call, &[], then);
    }

    fn install_for(call: libc::c_long, commands: &[Command], then: Then) {
        let action = match then {
            Then::Return(errno) => libc::SECCOMP_RET_ERRNO | errno,
            Then::KillThread => libc::SECCOMP_RET_KILL_THREAD,
            Then::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        };
        let program = program(call as u32, commands, action);
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
        // SAFETY: numbers only.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
        // SAFETY: the program lives through the call, which copies it.
        let installed =
            unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
        assert_eq!(installed, 0, "a filter can be installed: {}", std::io::Error::last_os_error());
    }

    /// Loads the number, compares; loads the first argument, compares with each
    /// command; the action; to let through.
    fn program(call: u32, commands: &[Command], action: u32) -> Vec<libc::sock_filter> {
        let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
        let equal = |value, yes, no| statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, yes, no, value);
        let end = |value| statement(libc::BPF_RET | libc::BPF_K, 0, 0, value);
        let count = commands.len() as u8;
        // To the last statement, past the loads, comparisons and action.
        let past = if commands.is_empty() { 1 } else { count + 2 };
        let mut program = vec![load(0), equal(call, 0, past)];
        if !commands.is_empty() {
            program.push(load(if cfg!(target_endian = "big") { 20 } else { 16 }));
            for (at, command) in (0_u8..).zip(commands) {
                let to_action = count - at - 1;
                let or_past = if to_action == 0 { 1 } else { 0 };
                program.push(equal(command.number() as u32, to_action, or_past));
            }
        }
        program.extend([end(action), end(libc::SECCOMP_RET_ALLOW)]);
        program
    }

    fn statement(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt, jf, k }
    }
}

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

    /// What the library exports.
    pub(crate) struct Plugin {
        library: usize,
        pub(crate) is_registered: extern "C" fn() -> bool,
        pub(crate) register: extern "C" fn() -> bool,
        pub(crate) light: extern "C" fn(),
        pub(crate) heavy: extern "C" fn(),
    }

    impl Plugin {
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
            Some(Self { library: library.expose_provenance(), is_registered, register, light, heavy })
        }

        /// Has the library install signal `number`.
        #[cfg(all(feature = "signal", not(feature = "early")))]
        pub(crate) fn install_signal(&self, number: i32) -> bool {
            // SAFETY: the example exports this name with this type.
            let install = unsafe {
                std::mem::transmute::<*mut c_void, extern "C" fn(i32) -> bool>(symbol(
                    self.library(),
                    c"plugin_install_signal",
                ))
            };
            install(number)
        }

        /// The loader's handle: a name, not a place.
        #[cfg(all(feature = "signal", not(feature = "early")))]
        fn library(&self) -> *mut c_void {
            std::ptr::with_exposed_provenance_mut(self.library)
        }

        /// Closes the library, which is the end of it if nothing keeps it.
        #[cfg(all(feature = "signal", not(feature = "early")))]
        pub(crate) fn close(self) {
            // SAFETY: nothing of it is used from here on.
            unsafe { libc::dlclose(self.library()) };
        }
    }

    fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
        // SAFETY: the library is loaded and stays so; the name is a C string.
        let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
        assert!(!symbol.is_null(), "{name:?} is exported");
        symbol
    }
}
