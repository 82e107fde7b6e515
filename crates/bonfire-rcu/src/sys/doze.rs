//! Sleeping where the system has no futex: for a moment, and looking again.

use core::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

pub(crate) fn sleep(_: &AtomicU64) {
    thread::sleep(Duration::from_micros(200));
}

pub(crate) fn wake(_: &AtomicU64) {}

/// Lets other threads run first.
pub(crate) fn give_way() {
    thread::yield_now();
}
