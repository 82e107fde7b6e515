//! x86-64.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::Page;

pub(super) const EVICTS: bool = true;

pub(super) fn evict(word: &AtomicU64) {
    // SAFETY: `clflush` (part of the architecture since SSE2) writes a line
    // back and forgets it; the address is that of a live word.
    unsafe { asm!("clflush [{}]", in(reg) word, options(nostack, preserves_flags)) };
}

#[inline(always)]
pub(super) fn store_to_pages<const N: usize>(pages: &[Page; 64], at: usize, value: u64) {
    const { assert!(N <= 64) };
    // SAFETY: one relaxed store to a word of each of `N` pages, of which there
    // are 64; `at` is checked against the words of a page here.
    unsafe {
        asm!(
            // At the start of a page, so that what follows is on the same one: at
            // the end of a page an emulator leaves its translations, and all
            // stores drain.
            "jmp 2f",
            ".p2align 12",
            "2:",
            ".set page, 0",
            ".rept {count}",
            "mov [{first} + page * {size}], {value}",
            ".set page, page + 1",
            ".endr",
            count = const N,
            size = const size_of::<Page>(),
            first = in(reg) &pages[0][at],
            value = in(reg) value,
            options(nostack, preserves_flags),
        );
    }
}

/// `cpuid` serialises (Intel SDM, volume 3, 9.3; AMD APM, volume 2, 7.6.4).
pub(super) fn serialise() -> bool {
    let _ = core::arch::x86_64::__cpuid(0);
    true
}

/// The function: `mov eax, 0` and `ret`, placed so that the number is the
/// second aligned word, and can be changed by one store.
const FUNCTION: [u32; 3] = [u32::from_le_bytes([0x90, 0x90, 0x90, 0xb8]), 0, 0xc3];
/// Which of its words is the number.
const NUMBER: usize = 1;

/// # Safety
/// Three words at `memory` are aligned and can be written.
pub(super) unsafe fn write_function(memory: NonNull<u32>) -> bool {
    // SAFETY: the caller's promise; an array of words is aligned as a word.
    unsafe { memory.cast::<[u32; 3]>().write_volatile(FUNCTION) };
    true
}

/// # Safety
/// `write_function` wrote to `memory`.
pub(super) unsafe fn patch(memory: NonNull<u32>, value: u32) {
    // SAFETY: the number lies within the function.
    let number = unsafe { memory.add(NUMBER) };
    // SAFETY: the word is aligned and alive, and changed only here.
    unsafe { AtomicU32::from_ptr(number.as_ptr()) }.store(value, Relaxed);
}

/// # Safety
/// `write_function` wrote to `memory`, which can be executed.
pub(super) unsafe fn execute(memory: NonNull<u32>) -> u32 {
    let value: u32;
    // SAFETY: the function changes one register and returns. The call pushes on
    // the stack below the red zone, which an asm block without `nostack` leaves
    // alone.
    unsafe { asm!("call {}", in(reg) memory.as_ptr(), out("eax") value) };
    value
}

pub(super) const HAS_FUNCTION: bool = true;
pub(super) const HAS_RSEQ: bool = true;

/// See [`Restartable::copy`](crate::Restartable::copy).
///
/// The section is the code from `2` to `3`; its last instruction is the commit.
/// If the kernel finds the thread in there when it must not be, it goes on at
/// `4`, which the signature precedes. It stands for: load, and then either
/// the store and `true`, or `false`.
///
/// # Safety
/// `area` is the registered `struct rseq` of this thread, with glibc's signature.
#[inline(never)]
pub(super) unsafe fn copy(area: NonNull<u8>, from: &AtomicU32, delay: u32, to: &[AtomicU32; 16]) -> bool {
    let committed: u32;
    // SAFETY: (1) the descriptor lives in the program's own data; (2) its
    // pointer is set before the section and cleared after it on both ways out;
    // (3) the section stores only to `to`, at an index below its length; (4) it
    // uses no stack.
    unsafe {
        asm!(
            ".pushsection __rseq_cs, \"aw\"",
            ".balign 32",
            "5:",
            ".long 0, 0",
            ".quad 2f, 3f - 2f, 4f",
            ".popsection",
            "lea {word}, [rip + 5b]",
            "mov [{area} + 8], {word}",
            "2:",
            "mov {word:e}, [{from}]",
            "6:",
            "dec {delay:e}",
            "jnz 6b",
            "mov {slot:e}, {word:e}",
            "and {slot:e}, 15",
            "mov [{to} + {slot} * 4], {word:e}",
            "3:",
            "mov {committed:e}, 1",
            "jmp 7f",
            ".byte 0x0f, 0xb9, 0x3d",
            ".long 0x53053053",
            "4:",
            "mov {committed:e}, 0",
            "7:",
            "mov qword ptr [{area} + 8], 0",
            area = in(reg) area.as_ptr(),
            from = in(reg) from,
            to = in(reg) to,
            delay = inout(reg) delay.max(1) => _,
            word = out(reg) _,
            slot = out(reg) _,
            committed = out(reg) committed,
            options(nostack),
        );
    }
    committed == 1
}
