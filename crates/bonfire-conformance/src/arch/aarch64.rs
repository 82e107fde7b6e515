//! arm64.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

pub(super) use super::landings::{execute, patch, write_function};

pub(super) const HAS_FUNCTION: bool = true;
pub(super) const HAS_RSEQ: bool = true;

/// `isb` has the CPU fetch again what follows (Arm ARM, B2.3.12).
pub(super) fn serialise() -> bool {
    // SAFETY: it changes neither registers nor memory.
    unsafe { asm!("isb", options(nostack, preserves_flags)) };
    true
}

/// `b`, this many bytes forwards.
pub(super) const fn branch(bytes: u32) -> u32 {
    0x1400_0000 | (bytes / 4)
}

/// `movz w0, #number` and `ret`.
pub(super) const fn returns(number: u32) -> [u32; 2] {
    [0x5280_0000 | (number << 5), 0xd65f_03c0]
}

/// Makes what was written at `word` what other CPUs fetch next, if they fetch: a
/// CPU that has fetched already is the barrier's affair (Arm ARM, B2.2.5).
pub(super) fn publish(word: NonNull<u32>) {
    // SAFETY: cache maintenance on the address of a live word, which programs may
    // do: cleaning writes back what is there, and invalidating drops copies.
    unsafe {
        asm!(
            "dc cvau, {word}",
            "dsb ish",
            "ic ivau, {word}",
            "dsb ish",
            word = in(reg) word.as_ptr(),
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// There is a function at `code` that returns a number in the first register and
/// uses no other.
pub(super) unsafe fn call(code: NonNull<u32>) -> u32 {
    let value: u32;
    // SAFETY: the caller's promise; the return address has a register of its own.
    unsafe {
        asm!("blr {}", in(reg) code.as_ptr(), lateout("w0") value, out("x30") _, options(nostack));
    }
    value
}

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
            "adrp {word}, 5b",
            "add {word}, {word}, :lo12:5b",
            "str {word}, [{area}, #8]",
            "2:",
            "ldr {word:w}, [{from}]",
            "6:",
            "subs {delay:w}, {delay:w}, #1",
            "b.ne 6b",
            "and {slot:w}, {word:w}, #15",
            "str {word:w}, [{to}, {slot}, lsl #2]",
            "3:",
            "mov {committed:w}, #1",
            "b 7f",
            ".inst 0xd428bc00",
            "4:",
            "mov {committed:w}, #0",
            "7:",
            "str xzr, [{area}, #8]",
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
