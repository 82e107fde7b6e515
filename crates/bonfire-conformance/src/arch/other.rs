//! Architectures of whose memory nothing in particular is known here.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Page;

pub(super) const EVICTS: bool = false;

pub(super) fn evict(_: &AtomicU64) {}

#[inline(always)]
pub(super) fn store_to_pages<const N: usize>(pages: &[Page; 64], at: usize, value: u64) {
    pages[..N].iter().for_each(|page| page[at].store(value, Relaxed));
}
