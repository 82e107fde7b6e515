//! Waiting where there is no system: nobody sleeps.

use core::hint::spin_loop;
use core::sync::atomic::AtomicU64;

pub(crate) fn sleep(_: &AtomicU64) {
    spin_loop();
}

pub(crate) fn wake(_: &AtomicU64) {}

/// Lets other threads run first.
pub(crate) fn give_way() {
    spin_loop();
}
