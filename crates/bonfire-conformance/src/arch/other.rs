//! Architectures of which nothing in particular is known.

use core::sync::atomic::AtomicU64;

pub(super) const EVICTS: bool = false;

pub(super) fn evict(_: &AtomicU64) {}
