//! What each thread keeps for the global domain.
//!
//! Two variables: one that readers look at, without a destructor, so that it costs no check
//! and can be used until the thread is gone, from other destructors as well; and one with a
//! destructor, which gives the record back.

use core::cell::Cell;

use bonfire_rcu_core::{Depth, Record};

use super::thread::this_thread;
use crate::fences::Program;
use crate::{Domain, Global};

/// The calling thread's record of the global domain, and its depth there.
pub(crate) struct Local {
    pub(crate) record: Cell<Option<&'static Record<Program>>>,
    pub(crate) depth: Depth,
    /// Whether this thread is running destructors of what was retired.
    pub(crate) collects: Cell<bool>,
    /// Whether this thread is reporting a reader.
    pub(crate) reports: Cell<bool>,
    /// What the system calls the thread; 0 if it was not asked yet.
    number: Cell<u64>,
    /// Not to be sent: there is one for each thread.
    _thread: core::marker::PhantomData<*mut ()>,
}

impl Local {
    /// What the system calls the thread, or called it when it was asked first: a thread that
    /// forks goes on under its old number.
    pub(crate) fn number(&self) -> u64 {
        if self.number.get() == 0 {
            self.number.set(this_thread());
        }
        self.number.get()
    }

    /// Gives the record back: the thread is ending.
    fn end(&self) {
        if let Some(record) = self.record.take() {
            // A guard that was forgotten protects nothing any more.
            record.give_back(&Program);
        }
    }
}

std::thread_local! {
    static LOCAL: Local = const {
        Local {
            record: Cell::new(None),
            depth: Depth::new(),
            collects: Cell::new(false),
            reports: Cell::new(false),
            number: Cell::new(0),
            _thread: core::marker::PhantomData,
        }
    };
}

/// What the calling thread keeps.
///
/// The reference is no longer than the thread: neither it nor a [`Guard`](crate::Guard)
/// that has it can be sent to another (`Local` is not `Sync`).
#[inline(always)]
pub(crate) fn local() -> &'static Local {
    const { assert!(!core::mem::needs_drop::<Local>()) };
    // SAFETY: a variable without a destructor stays where it is until its thread is gone,
    // and no reference outlives the thread, since `Local` is not `Sync` and whatever holds
    // a reference to it is therefore not `Send`.
    LOCAL.with(|local| unsafe { &*core::ptr::from_ref(local) })
}

/// The global domain, for ever.
pub(crate) fn global_domain() -> &'static Domain {
    static REACH: Global = Global;
    &REACH
}

/// Has the calling thread give its record back when it ends.
///
/// A key of the threads library, and not a variable with a destructor: its destructor runs
/// after those of all variables, which may read once more, and again if one of its kind
/// reads after that.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn at_thread_exit() {
    if let Some(key) = key() {
        let some = core::ptr::without_provenance(1);
        // SAFETY: the key was made; the value is never followed. If there is no memory for
        // it, the record stays taken: no harm but its 128 bytes.
        unsafe { libc::pthread_setspecific(key, some) };
    }
}

/// The key; `None` if there is no room for one more.
///
/// Made without a lock: a child that was forked meanwhile would wait for it for ever.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn key() -> Option<libc::pthread_key_t> {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// The key and 1, or 0. Its number is all that is passed on.
    static KEY: AtomicU64 = AtomicU64::new(0);

    extern "C" fn end(_: *mut libc::c_void) {
        local().end();
    }
    let mut made = KEY.load(Relaxed);
    if made == 0 {
        let mut key = 0;
        // SAFETY: the key is written here, and `end` may be called with anything.
        if unsafe { libc::pthread_key_create(&raw mut key, Some(end)) } != 0 {
            return None;
        }
        made = u64::from(key) + 1;
        if let Err(other) = KEY.compare_exchange(0, made, Relaxed, Relaxed) {
            // SAFETY: the key is from above, and nobody has used it.
            unsafe { libc::pthread_key_delete(key) };
            made = other;
        }
    }
    libc::pthread_key_t::try_from(made - 1).ok()
}

/// Has the calling thread give its record back when it ends. One that it takes after that,
/// in the destructor of another variable, stays taken.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn at_thread_exit() {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            local().end();
        }
    }
    std::thread_local!(static END: End = const { End });
    let _ = END.try_with(|_| {});
}
