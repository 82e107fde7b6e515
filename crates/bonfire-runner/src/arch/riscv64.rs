//! riscv64.

use core::arch::{asm, naked_asm};

pub(crate) use super::generic::*;

/// Where the kernel starts the program: the stack holds the arguments.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        ".option push",
        ".option norelax",
        "lla gp, __global_pointer$",
        ".option pop",
        "mv a0, sp",
        "andi sp, sp, -16",
        "tail {begin}",
        begin = sym crate::sys::begin,
    )
}

/// Any system call. Never inlined: the kernel drops the vector registers, as a
/// function may.
///
/// # Safety
/// What the kernel does to memory for this call and these arguments is the caller's to do.
#[inline(never)]
pub(crate) unsafe fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the caller's promise; the kernel keeps all other registers.
    unsafe {
        asm!("ecall", in("a7") number, inlateout("a0") a => result, in("a1") b, in("a2") c, in("a3") d,
            in("a4") e, in("a5") f, options(nostack));
    }
    result
}

/// Makes a thread or process that calls `body(data)`, with its stack below `top`.
///
/// # Safety
/// The stack is nobody else's, 16-aligned, and stays until the end.
#[inline(never)]
pub(crate) unsafe fn clone(
    flags: u64,
    top: *mut u8,
    body: extern "C" fn(*mut u8) -> !,
    data: *mut u8,
) -> isize {
    let result;
    // SAFETY: the new thread leaves these lines for `body`, with what it needs in
    // registers that the kernel copies, and never comes back.
    unsafe {
        asm!(
            "ecall",
            "bnez a0, 2f",
            "mv a0, t2",
            "jalr ra, 0(t1)",
            "ebreak",
            "2:",
            in("a7") CLONE, inlateout("a0") flags => result, in("a1") top, in("a2") 0_u64, in("a3") 0_u64,
            in("a4") 0_u64, in("t1") body, in("t2") data,
        );
    }
    result
}

/// Ends this thread after a store of 0 to `word`, by which its stack is given back.
///
/// # Safety
/// `word` can be written.
pub(crate) unsafe fn leave(word: *const u32) -> ! {
    // PAIRS(ended): a fence before the store; whoever sees it sees all before.
    // SAFETY: the caller's promise; nothing after the store uses the stack.
    unsafe {
        asm!("fence rw, w", "sw zero, 0({word})", "li a0, 0", "ecall", "ebreak",
            word = in(reg) word, in("a7") EXIT, options(noreturn));
    }
}
