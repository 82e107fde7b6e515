//! Architectures of which nothing in particular is known here.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::Page;

pub(super) const EVICTS: bool = false;

pub(super) fn evict(_: &AtomicU64) {}

#[inline(always)]
pub(super) fn store_to_pages<const N: usize>(pages: &[Page; 64], at: usize, value: u64) {
    pages[..N].iter().for_each(|page| page[at].store(value, Relaxed));
}

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

pub(super) const HAS_RSEQ: bool = false;

/// # Safety
/// Never called: there is no area.
pub(super) unsafe fn copy(_: NonNull<u8>, _: &AtomicU32, _: u32, _: &[AtomicU32; 16]) -> bool {
    false
}
