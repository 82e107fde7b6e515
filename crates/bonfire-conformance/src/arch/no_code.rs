//! Architectures for which nobody has written a function yet.

use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

pub(super) fn serialise() -> bool {
    false
}

/// # Safety
/// None: it writes nothing.
pub(super) unsafe fn write_function(_: NonNull<u32>) -> bool {
    false
}

/// # Safety
/// Never called: there is no function.
pub(super) unsafe fn patch(_: NonNull<u32>, _: u32) {}

/// # Safety
/// Never called: there is no function.
pub(super) unsafe fn execute(_: NonNull<u32>) -> u32 {
    0
}

pub(super) const HAS_FUNCTION: bool = false;
pub(super) const HAS_RSEQ: bool = false;

/// # Safety
/// Never called: there is no area.
pub(super) unsafe fn copy(_: NonNull<u8>, _: &AtomicU32, _: u32, _: &[AtomicU32; 16]) -> bool {
    false
}
