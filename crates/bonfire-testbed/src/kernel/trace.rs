//! What programs ask for, call by call, for whoever debugs one: `trace` on the command line.

use crate::thread::Thread;
use bonfire_testbed::calls::{Request, Returned};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static IS_ON: AtomicBool = AtomicBool::new(false);

/// From here on every call is told.
pub(crate) fn switch_on() {
    IS_ON.store(true, Relaxed);
}

/// Tells a call that does not return, before it is made.
pub(crate) fn before(thread: &Thread, request: &Request) {
    let is_last = matches!(
        request,
        Request::Exit { .. } | Request::ExitGroup { .. } | Request::RtSigreturn {} | Request::Reboot {}
    );
    if IS_ON.load(Relaxed) && is_last {
        crate::say!("thread {}: {request}", thread.id());
    }
}

/// Tells a call that has returned.
pub(crate) fn after(thread: &Thread, request: &Request, answer: Result<u64, isize>) {
    if IS_ON.load(Relaxed) {
        crate::say!("thread {}: {request} = {}", thread.id(), Returned(answer));
    }
}
