//! x86-64: system calls by `syscall`, the clock by `rdtsc`.

use bonfire_testbed::calls::Sysnum;
use core::arch::{asm, naked_asm};

/// Where the kernel starts the program: the stack holds the arguments.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym crate::main)
}

/// Any call.
pub(crate) fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the kernel changes no memory but what the arguments say, and the
    // functions of `sys` pass only what they own.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

/// Makes a process that goes on here, on a copy of this one's memory.
pub(crate) fn clone_here(flags: u64) -> isize {
    call(CLONE, [flags, 0, 0, 0, 0, 0])
}

const CLONE: u64 = Sysnum::Clone.number().expect("x86-64 has it");

/// Makes a thread that takes a function and its argument off `stack`, and calls it.
///
/// # Safety
/// They are there, the function does not return, and the stack is the new thread's.
pub(crate) unsafe fn clone(flags: u64, stack: *mut u64, word: *mut u32) -> isize {
    let result;
    // SAFETY: the new thread leaves these lines for the function and never comes back.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "pop rax",
            "pop rdi",
            "call rax",
            "ud2",
            "2:",
            inlateout("rax") CLONE => result, in("rdi") flags, in("rsi") stack, in("rdx") 0,
            in("r10") word, in("r8") 0, out("rcx") _, out("r11") _,
        );
    }
    result
}

/// What stands before the abort handler of a restartable sequence.
pub(crate) const RSEQ_SIGNATURE: u32 = 0x5305_3053;

/// The CPU's own clock.
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
