//! What only an architecture's own instructions can do.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as imp;

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(not(target_arch = "x86_64"))]
use other as imp;

use core::arch::asm;
use core::sync::atomic::AtomicU64;

/// The light fence: the compiler moves no access across it, and the CPU does
/// what it likes. No instruction.
///
/// It stands for "the barrier of another thread may be here": for opaque code
/// that may read and write all memory.
#[inline(always)]
pub(crate) fn light() {
    // SAFETY: there is no instruction in it.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Whether [`evict`] does anything.
pub(crate) const EVICTS: bool = imp::EVICTS;

/// Throws the line of `word` out of every cache, so that the next store to it
/// waits for memory.
#[inline]
pub(crate) fn evict(word: &AtomicU64) {
    imp::evict(word);
}
