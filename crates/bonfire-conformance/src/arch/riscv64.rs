//! riscv64.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;

pub(super) use super::landings::{execute, patch, write_function};

pub(super) const HAS_FUNCTION: bool = true;
pub(super) const HAS_RSEQ: bool = true;

/// `fence.i` orders this CPU's fetches behind the stores that it has seen.
pub(super) fn serialise() -> bool {
    // SAFETY: it changes neither registers nor memory.
    unsafe { asm!("fence.i", options(nostack, preserves_flags)) };
    true
}

/// `j`, this many bytes forwards. Of the distance, which is below 2 KiB, only the
/// low bits are placed: the format shuffles the others.
pub(super) const fn branch(bytes: u32) -> u32 {
    assert!(bytes < 1 << 11, "the landings are near");
    0x6f | (bytes >> 1 & 0x3ff) << 21
}

/// `li a0, number` and `ret`.
pub(super) const fn returns(number: u32) -> [u32; 2] {
    [0x0000_0513 | number << 20, 0x0000_8067]
}

/// Nothing: other CPUs see the store in order, and that they fetch it is the
/// barrier's affair (`fence.i` works for the CPU that executes it alone).
pub(super) fn publish(_: NonNull<u32>) {}

/// # Safety
/// There is a function at `code` that returns a number in the first register and
/// uses no other.
pub(super) unsafe fn call(code: NonNull<u32>) -> u32 {
    let value: u64;
    // SAFETY: the caller's promise; the return address has a register of its own.
    unsafe {
        asm!("jalr ra, 0({})", in(reg) code.as_ptr(), lateout("a0") value, out("ra") _, options(nostack));
    }
    value as u32
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
    let committed: u64;
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
            "lla {word}, 5b",
            "sd {word}, 8({area})",
            "2:",
            "lw {word}, 0({from})",
            "6:",
            "addi {delay}, {delay}, -1",
            "bnez {delay}, 6b",
            "andi {slot}, {word}, 15",
            "slli {slot}, {slot}, 2",
            "add {slot}, {slot}, {to}",
            "sw {word}, 0({slot})",
            "3:",
            "li {committed}, 1",
            "j 7f",
            ".4byte 0xf1401073",
            "4:",
            "li {committed}, 0",
            "7:",
            "sd zero, 8({area})",
            area = in(reg) area.as_ptr(),
            from = in(reg) from,
            to = in(reg) to,
            delay = inout(reg) u64::from(delay.max(1)) => _,
            word = out(reg) _,
            slot = out(reg) _,
            committed = out(reg) committed,
            options(nostack),
        );
    }
    committed == 1
}
