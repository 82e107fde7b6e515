//! A fork while several threads use a domain for the first time. A file of its own: its
//! process has not used one before.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::{c_int, c_void};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use bonfire_rcu::Domain;

/// Longer than this a child does not live: it hangs.
const HANGS_S: u32 = 60;

/// Whether somebody is having forks counted.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

type Handler = Option<unsafe extern "C" fn()>;

unsafe extern "C" {
    fn __register_atfork(before: Handler, parent: Handler, child: Handler, object: *mut c_void) -> c_int;
}

/// The library's function in place of its own: takes long, as it does where the thread is
/// switched out in it.
#[unsafe(no_mangle)]
extern "C" fn pthread_atfork(before: Handler, parent: Handler, child: Handler) -> c_int {
    IS_ASKED.store(true, SeqCst);
    thread::sleep(Duration::from_millis(100));
    // SAFETY: what the library's own function does, for a program that is never unloaded.
    unsafe { __register_atfork(before, parent, child, std::ptr::null_mut()) }
}

#[test]
fn a_child_forked_at_first_use_does_not_wait_for_threads_that_it_does_not_have() {
    static DOMAIN: Domain = Domain::new();
    let (inside, may_leave) = (Barrier::new(2), Barrier::new(2));
    let status = thread::scope(|scope| {
        scope.spawn(|| DOMAIN.synchronize());
        while !IS_ASKED.load(SeqCst) {
            thread::yield_now();
        }
        scope.spawn(|| {
            let handle = DOMAIN.handle();
            let _guard = handle.read();
            inside.wait();
            may_leave.wait();
        });
        inside.wait();
        let status = status_of_a_child(|| DOMAIN.synchronize());
        may_leave.wait();
        status
    });
    assert_eq!(status, 0, "the child waited for a reader of its parent");
}

/// How a forked child ends that calls `body`.
fn status_of_a_child(body: impl FnOnce()) -> c_int {
    // SAFETY: the child uses memory of its own, and ends without the destructors of this
    // program.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes nothing but seconds.
        unsafe { libc::alarm(HANGS_S) };
        body();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for the child from above and writes its status.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(child > 0 && ended == child, "the child is there");
    status
}
