//! What needs `unsafe`: signals, stacks, and which CPU an OS thread is.
//!
//! | file | what it makes safe |
//! |------|--------------------|
//! | `context` | a stack of its own, suspended at any instruction, resumed by any OS thread |
//! | `this_cpu` | which virtual CPU this OS thread is |
//! | `signal` | interrupt lines that are signals |

pub(crate) mod context;

pub(crate) mod signal;
pub(crate) mod this_cpu;

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::arch::asm;
use std::sync::atomic::AtomicU32;

use bonfire_conformance::{Arena, Page};

/// Keeps the compiler from moving memory accesses across this point.
///
/// What an interrupt handler and the code that it interrupts share needs no
/// more: both run on one OS thread.
#[inline(always)]
pub(crate) fn light_fence() {
    // SAFETY: no instruction is emitted. Stands for a signal fence in Rust,
    // which is a full `sync` on POWER.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Throws the line of `word` out of every cache, so that the next store to it
/// waits for memory, and every later store behind it. Without such an
/// instruction nothing happens, and reordering is rarer.
pub(crate) fn evict(word: &AtomicU32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `clflush` (in every x86-64) writes a line back and forgets it; the
    // address is that of a live word. Stands for no access at all.
    unsafe {
        asm!("clflush [{}]", in(reg) word, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = word;
}

/// An arena as it must be before its first use. It is too large for a stack.
pub(crate) fn zeroed_arena() -> Box<Arena> {
    let layout = Layout::new::<Arena>();
    // SAFETY: an arena has a size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: allocated with the layout of an arena, all of whose fields are
    // atomics and as they must be when they are zero.
    unsafe { Box::from_raw(memory.cast()) }
}

/// More memory than caches hold, which the host fills when it is used.
pub(crate) fn cold_memory() -> Box<[Page]> {
    const PAGES: usize = (32 << 20) / size_of::<Page>();
    // SAFETY: pages of atomics are as they must be when they are zero.
    unsafe { Box::new_zeroed_slice(PAGES).assume_init() }
}
