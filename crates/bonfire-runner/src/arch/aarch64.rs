//! arm64.

use core::arch::{asm, naked_asm};

pub(crate) use super::generic::*;

/// Where the kernel starts the program: the stack holds the arguments.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov x29, #0", "mov x30, #0", "mov x0, sp", "b {begin}", begin = sym crate::sys::begin)
}

/// Any system call. Never inlined: a kernel may drop the vector state that a
/// function may drop.
///
/// # Safety
/// What the kernel does to memory for this call and these arguments is the caller's to do.
#[inline(never)]
pub(crate) unsafe fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the caller's promise; the kernel keeps all other registers.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d,
            in("x4") e, in("x5") f, options(nostack));
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
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, #0",
            "mov x0, x10",
            "blr x9",
            "brk #1",
            "2:",
            in("x8") CLONE, inlateout("x0") flags => result, in("x1") top, in("x2") 0_u64, in("x3") 0_u64,
            in("x4") 0_u64, in("x9") body, in("x10") data,
        );
    }
    result
}

/// Ends this thread after a store of 0 to `word`, by which its stack is given back.
///
/// # Safety
/// `word` can be written.
pub(crate) unsafe fn leave(word: *const u32) -> ! {
    // PAIRS(ended): a store-release; whoever sees it sees all before.
    // SAFETY: the caller's promise; nothing after the store uses the stack.
    unsafe {
        asm!("stlr wzr, [{word}]", "mov x0, #0", "svc #0", "brk #1",
            word = in(reg) word, in("x8") EXIT, options(noreturn));
    }
}
