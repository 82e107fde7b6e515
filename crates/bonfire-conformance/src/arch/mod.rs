//! What only an architecture's own instructions can do.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
mod landings;
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "x86_64")))]
mod no_code;
#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

// Memory: lines and stores.
#[cfg(not(target_arch = "x86_64"))]
use other as imp;
#[cfg(target_arch = "x86_64")]
use x86_64 as imp;

// Instructions: the function that is rewritten, the section that is restarted.
#[cfg(target_arch = "aarch64")]
use aarch64 as code;
#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "x86_64")))]
use no_code as code;
#[cfg(target_arch = "riscv64")]
use riscv64 as code;
#[cfg(target_arch = "x86_64")]
use x86_64 as code;

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::{Fetch, Page, Restartable};

/// The light fence: the compiler moves no access across it, and the CPU does
/// what it likes. No instruction.
///
/// It stands for "the barrier of another thread may be here": for opaque code
/// that may read and write all memory.
#[inline(always)]
pub fn light() {
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

/// Stores to the word in place `at` of each of the first `N` pages, with as few
/// instructions between as there can be: the stores of an emulator's own
/// bookkeeping would take their places in the store buffer.
#[inline(always)]
pub(crate) fn store_to_pages<const N: usize>(pages: &[Page; 64], at: usize, value: u64) {
    imp::store_to_pages::<N>(pages, at, value);
}

/// Has this CPU forget what it fetched of its instruction stream, by an
/// instruction of its own. False where this crate knows none.
pub(crate) fn serialise() -> bool {
    code::serialise()
}

/// Whether there is a function for [`CodePage`] here.
pub(crate) const HAS_FUNCTION: bool = code::HAS_FUNCTION;

/// Whether there is a critical section for [`RseqArea`] here.
pub(crate) const HAS_RSEQ: bool = code::HAS_RSEQ;

/// A page of memory with a function in this architecture's instructions that
/// can be rewritten while it runs.
#[derive(Debug)]
pub struct CodePage(NonNull<u32>);

impl CodePage {
    /// How much memory it takes, in bytes.
    pub const SIZE: usize = 1024;

    /// Writes the function, which returns 0 at first. `None` where this crate
    /// does not know the architecture's instructions.
    ///
    /// # Safety
    /// [`SIZE`](Self::SIZE) bytes at `memory` can be read, written and executed
    /// for as long as the process lives, start on a multiple of 64, and are
    /// used for nothing else.
    #[must_use]
    pub unsafe fn new(memory: NonNull<u32>) -> Option<Self> {
        // SAFETY: the caller promises just what is asked for.
        unsafe { code::write_function(memory) }.then_some(Self(memory))
    }
}

// SAFETY: all threads may call the function and rewrite it at any time: that is
// what it is for. The word that changes is only written as an atomic.
unsafe impl Send for CodePage {}
// SAFETY: as above.
unsafe impl Sync for CodePage {}

impl Fetch for CodePage {
    fn patch(&self, value: u32) {
        // SAFETY: `new` was promised the memory, and wrote the function there.
        unsafe { code::patch(self.0, value) };
    }

    fn execute(&self) -> u32 {
        // SAFETY: as above.
        unsafe { code::execute(self.0) }
    }
}

/// The area through which this thread and the kernel agree on restartable
/// sequences: `struct rseq`.
#[derive(Debug)]
pub struct RseqArea(NonNull<u8>);

impl RseqArea {
    /// Takes the area of the calling thread. `None` where this crate has no
    /// critical section for the architecture.
    ///
    /// # Safety
    /// `area` is what this thread registered with `rseq(2)`, with the signature
    /// that glibc uses on this architecture, and stays so while the value lives.
    #[must_use]
    pub unsafe fn new(area: NonNull<u8>) -> Option<Self> {
        HAS_RSEQ.then_some(Self(area))
    }
}

impl Restartable for RseqArea {
    fn copy(&self, from: &AtomicU32, delay: u32, to: &[AtomicU32; 16]) -> bool {
        // SAFETY: `new` was promised the area; it is not `Sync`, so this is its
        // thread.
        unsafe { code::copy(self.0, from, delay, to) }
    }
}
