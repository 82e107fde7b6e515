//! Lines of memory that are in no cache, for the self-test.
//!
//! The stores to them are done with as few instructions between as there can be.
//! In a program that is built for debugging every step of a loop stores to the
//! stack, and those stores would take the cold ones' places in the store buffer.

use crate::race::Line;

/// Stores queued at a time. A store buffer has room for some more, and should
/// have: a thread whose buffer is full waits, and what it waited for is then done
/// in order.
pub(crate) const QUEUED: usize = 32;

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use flushed::{LINES, evict, store};

/// Where lines can be evicted by an instruction, few will do.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod flushed {
    #![expect(unsafe_code, reason = "instructions of the processor")]
    use core::arch::asm;

    use super::{Line, QUEUED};

    pub(crate) const LINES: usize = 4096;

    /// Puts `line` out of every cache.
    pub(crate) fn evict(line: &Line) {
        // SAFETY: the address is that of a live word, and every x86-64 has the
        // instruction. Contents do not change.
        unsafe { core::arch::x86_64::_mm_clflush(line.0.as_ptr().cast()) }
    }

    /// Stores `value` to each of `lines`.
    pub(crate) fn store(lines: &[Line; QUEUED], value: u32) {
        // SAFETY: one relaxed store to the word at the start of each line, all of
        // which are live; it stands for `AtomicU32::store`.
        unsafe {
            asm!(
                ".set bonfire_line, 0",
                ".rept {count}",
                "mov [{lines} + bonfire_line * {size}], {value:e}",
                ".set bonfire_line, bonfire_line + 1",
                ".endr",
                count = const QUEUED,
                size = const size_of::<Line>(),
                lines = in(reg) lines,
                value = in(reg) value,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) use scattered::{LINES, evict, store};

/// Elsewhere there have to be more lines than any cache holds.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod scattered {
    use core::sync::atomic::Ordering::Relaxed;

    use super::{Line, QUEUED};

    pub(crate) const LINES: usize = 1 << 19;

    pub(crate) fn evict(_line: &Line) {}

    /// Stores `value` to each of `lines`.
    pub(crate) fn store(lines: &[Line; QUEUED], value: u32) {
        lines.iter().for_each(|line| line.0.store(value, Relaxed));
    }
}
