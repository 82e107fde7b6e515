//! Stores that take long: what makes reordering frequent enough to be seen.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::sys::evict;

/// Lines of memory that miss every cache. A store that follows stores to them
/// waits behind them in the CPU's store buffer, while loads go ahead.
#[derive(Debug, Default)]
pub(crate) struct ColdLines([ColdLine; 24]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct ColdLine(AtomicU32);

impl ColdLines {
    /// Throws them out of the caches, where an instruction does that.
    pub(crate) fn evict(&self) {
        self.0.iter().for_each(|line| evict(&line.0));
    }

    /// Stores to each.
    #[inline]
    pub(crate) fn store(&self, value: u32) {
        self.0.iter().for_each(|line| line.0.store(value, Relaxed));
    }
}
