//! Lines of memory that are in no cache, for the self-test.

use core::sync::atomic::AtomicU32;

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use flushed::{LINES, evict};

/// Where lines can be evicted by an instruction, few will do.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod flushed {
    #![expect(unsafe_code, reason = "an instruction of the processor")]
    use super::AtomicU32;

    pub(crate) const LINES: usize = 4096;

    /// Puts the line of `word` out of every cache.
    pub(crate) fn evict(word: &AtomicU32) {
        // SAFETY: the address is that of a live word, and every x86-64 has the
        // instruction. Contents do not change.
        unsafe { core::arch::x86_64::_mm_clflush(word.as_ptr().cast()) }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) use scattered::{LINES, evict};

/// Elsewhere there have to be more lines than any cache holds.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod scattered {
    use super::AtomicU32;

    pub(crate) const LINES: usize = 1 << 19;

    pub(crate) fn evict(_word: &AtomicU32) {}
}
