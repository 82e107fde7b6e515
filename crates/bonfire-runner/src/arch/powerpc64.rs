//! powerpc64le, by the calling convention ELFv2.

use core::arch::{asm, naked_asm};

pub(crate) const WRITE: u64 = 4;
pub(crate) const MMAP: u64 = 90;
pub(crate) const CLONE: u64 = 120;
pub(crate) const EXECVE: u64 = 11;
pub(crate) const EXIT: u64 = 1;
pub(crate) const EXIT_GROUP: u64 = 234;
pub(crate) const WAIT4: u64 = 114;
pub(crate) const KILL: u64 = 37;
pub(crate) const GETPID: u64 = 20;
pub(crate) const FTRUNCATE: u64 = 93;
pub(crate) const MEMFD_CREATE: u64 = 360;
pub(crate) const REBOOT: u64 = 88;
pub(crate) const CLOCK_GETTIME: u64 = 246;
pub(crate) const SCHED_YIELD: u64 = 158;

/// Where the kernel starts the program: the stack holds the arguments. The address of
/// the table of contents is worked out from where this runs, since a young kernel may
/// not leave the entry's address in `r12`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "bcl 20, 31, 2f",
        "2:",
        "mflr 12",
        "addis 2, 12, .TOC.-2b@ha",
        "addi 2, 2, .TOC.-2b@l",
        "mr 3, 1",
        "li 0, 0",
        "mtlr 0",
        "clrrdi 1, 1, 4",
        "stdu 0, -32(1)",
        "bl {begin}",
        "nop",
        begin = sym crate::sys::begin,
    )
}

/// Any system call. The kernel tells an error by a bit of the condition register and
/// not by a sign, so that it gets one here. Never inlined: a kernel may drop what a
/// function may drop.
///
/// # Safety
/// What the kernel does to memory for this call and these arguments is the caller's to do.
#[inline(never)]
pub(crate) unsafe fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the caller's promise; the kernel keeps all registers but those named.
    unsafe {
        asm!("sc", "bns+ 2f", "neg 3, 3", "2:",
            inlateout("r0") number => _, inlateout("r3") a => result, inlateout("r4") b => _,
            inlateout("r5") c => _, inlateout("r6") d => _, inlateout("r7") e => _,
            inlateout("r8") f => _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
            out("cr0") _, out("ctr") _, out("xer") _, options(nostack));
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
    // registers that the kernel keeps and copies, and never comes back.
    unsafe {
        asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            "cmpdi 3, 0",
            "bne 3f",
            "li 0, 0",
            "stdu 0, -32(1)",
            "mr 12, 14",
            "mtctr 12",
            "mr 3, 15",
            "bctrl",
            "trap",
            "3:",
            inlateout("r0") CLONE => _, inlateout("r3") flags => result, inlateout("r4") top => _,
            inlateout("r5") 0_u64 => _, inlateout("r6") 0_u64 => _, inlateout("r7") 0_u64 => _,
            in("r14") body, in("r15") data, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            out("r12") _, out("cr0") _, out("ctr") _, out("xer") _,
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
        asm!("lwsync", "li 3, 0", "stw 3, 0(5)", "sc", "trap",
            in("r5") word, in("r0") EXIT, options(noreturn));
    }
}
