//! aarch64: system calls by `svc`, the clock of the generic timer.

use bonfire_testbed::calls::Sysnum;
use core::arch::{asm, naked_asm};

/// Where the kernel starts the program: the stack holds the arguments.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov x29, xzr", "mov x30, xzr", "mov x0, sp", "bl {main}", main = sym crate::main)
}

/// Any call.
pub(crate) fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the kernel changes no memory but what the arguments say, and the
    // functions of `sys` pass only what they own.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d,
            in("x4") e, in("x5") f, options(nostack));
    }
    result
}

/// Makes a process that goes on here, on a copy of this one's memory.
pub(crate) fn clone_here(flags: u64) -> isize {
    call(CLONE, [flags, 0, 0, 0, 0, 0])
}

const CLONE: u64 = Sysnum::CloneBackwards.number().expect("aarch64 has it");

/// Makes a thread that takes a function and its argument off `stack`, and calls it.
///
/// # Safety
/// They are there, the function does not return, and the stack is the new thread's.
pub(crate) unsafe fn clone(flags: u64, stack: *mut u64, word: *mut u32) -> isize {
    let result;
    // SAFETY: the new thread leaves these lines for the function and never comes back.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "ldp x1, x0, [sp], #16",
            "mov x29, xzr",
            "blr x1",
            "brk #1",
            "2:",
            in("x8") CLONE, inlateout("x0") flags => result, in("x1") stack, in("x2") 0, in("x3") 0,
            in("x4") word, out("x30") _,
        );
    }
    result
}

/// What stands before the abort handler of a restartable sequence.
pub(crate) const RSEQ_SIGNATURE: u32 = 0xd428_bc00;

/// The clock of the generic timer.
pub(crate) fn ticks() -> u64 {
    let now: u64;
    // SAFETY: reads a clock that Linux and the testbed let programs read.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) now, options(nostack, preserves_flags)) };
    now
}
