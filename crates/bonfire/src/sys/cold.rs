//! Stores that wait, for the self-test: to lines of memory that are in no cache.
//!
//! What is queued, and the pause of the other side, are assembly where that is known:
//! in a program that is built for debugging every step of a loop stores to the stack,
//! and those stores would wait among the cold ones.

use crate::race::Line;

/// Stores queued at most.
pub(crate) const QUEUED: usize = 16;

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use flushed::{LINES, pause, store};

/// Where lines can be evicted by an instruction.
///
/// Each line is thrown out right before its store, in the queue. So none can be fetched
/// ahead, and each pair is a trip to memory of its own, one after the other: 0.25 to
/// 0.3 microseconds on one processor on which it was measured, so that 8 to 16 of them
/// hold the queue back for longer than a system call takes. More would fill the store
/// queue (56 to 72 entries), in which the store under test has to find room.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod flushed {
    #![expect(unsafe_code, reason = "instructions of the processor")]
    use core::arch::asm;

    use super::{Line, QUEUED};

    pub(crate) const LINES: usize = 4096;

    /// Queues a store of `value` to each of the lines, or to half of them.
    pub(crate) fn store(lines: &[Line; QUEUED], value: u32) {
        if value % 2 == 0 {
            queue::<QUEUED>(lines, value);
        } else {
            queue::<{ QUEUED / 2 }>(lines, value);
        }
    }

    #[inline(always)]
    fn queue<const COUNT: usize>(lines: &[Line; QUEUED], value: u32) {
        // SAFETY: a relaxed store to the word at the start of as many lines, all of
        // which are live; it stands for `AtomicU32::store`. That a line is written
        // back first changes no contents, and every x86-64 has the instruction.
        unsafe {
            asm!(
                ".set bonfire_line, 0",
                ".rept {count}",
                "clflush [{lines} + bonfire_line * {size}]",
                "mov [{lines} + bonfire_line * {size}], {value:e}",
                ".set bonfire_line, bonfire_line + 1",
                ".endr",
                count = const COUNT,
                size = const size_of::<Line>(),
                lines = in(reg) lines,
                value = in(reg) value,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Does nothing for a while: a turn takes about a cycle.
    pub(crate) fn pause(turns: u32) {
        // SAFETY: counts a register down to zero.
        unsafe {
            asm!(
                "2:",
                "sub {turns:e}, 1",
                "jnc 2b",
                turns = inout(reg) turns => _,
                options(nostack, nomem),
            );
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) use scattered::{LINES, pause, store};

/// Elsewhere there have to be more lines than any cache holds, and which are used is
/// drawn at random.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod scattered {
    use core::hint::black_box;
    use core::sync::atomic::Ordering::Relaxed;

    use super::{Line, QUEUED};

    pub(crate) const LINES: usize = 1 << 19;

    /// Stores `value` to each of `lines`.
    pub(crate) fn store(lines: &[Line; QUEUED], value: u32) {
        lines.iter().for_each(|line| line.0.store(value, Relaxed));
    }

    /// Does nothing for a while.
    pub(crate) fn pause(turns: u32) {
        (0..turns).for_each(|_| black_box(()));
    }
}
