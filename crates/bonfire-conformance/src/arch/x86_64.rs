//! x86-64.

use core::arch::asm;
use core::sync::atomic::AtomicU64;

pub(super) const EVICTS: bool = true;

pub(super) fn evict(word: &AtomicU64) {
    // SAFETY: `clflush` (part of the architecture since SSE2) writes a line
    // back and forgets it; the address is that of a live word.
    unsafe { asm!("clflush [{}]", in(reg) word, options(nostack, preserves_flags)) };
}
