//! riscv64: system calls by `ecall`, the clock by `rdtime`.

use bonfire_testbed::calls::Sysnum;
use core::arch::{asm, naked_asm};

/// Where the kernel starts the program: the stack holds the arguments.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mv a0, sp", "andi sp, sp, -16", "call {main}", main = sym crate::main)
}

/// Any call.
pub(crate) fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the kernel changes no memory but what the arguments say, and the
    // functions of `sys` pass only what they own.
    unsafe {
        asm!("ecall", inlateout("a0") a => result, in("a1") b, in("a2") c, in("a3") d, in("a4") e,
            in("a5") f, in("a7") number, options(nostack));
    }
    result
}

/// Makes a process that goes on here, on a copy of this one's memory.
pub(crate) fn clone_here(flags: u64) -> isize {
    call(CLONE, [flags, 0, 0, 0, 0, 0])
}

const CLONE: u64 = Sysnum::CloneBackwards.number().expect("riscv64 has it");

/// Makes a thread that takes a function and its argument off `stack`, and calls it.
///
/// # Safety
/// They are there, the function does not return, and the stack is the new thread's.
pub(crate) unsafe fn clone(flags: u64, stack: *mut u64, word: *mut u32) -> isize {
    let result;
    // SAFETY: the new thread leaves these lines for the function and never comes back.
    unsafe {
        asm!(
            "ecall",
            "bnez a0, 2f",
            "ld t0, 0(sp)",
            "ld a0, 8(sp)",
            "addi sp, sp, 16",
            "jalr t0",
            "unimp",
            "2:",
            inlateout("a0") flags => result, in("a1") stack, in("a2") 0, in("a3") 0, in("a4") word,
            in("a7") CLONE, out("t0") _, out("ra") _,
        );
    }
    result
}

/// What stands before the abort handler of a restartable sequence.
pub(crate) const RSEQ_SIGNATURE: u32 = 0xf140_1073;

/// The clock of all CPUs.
pub(crate) fn ticks() -> u64 {
    let time;
    // SAFETY: reads a register.
    unsafe { asm!("rdtime {}", out(reg) time, options(nostack, nomem)) };
    time
}
