//! s390x.

use core::arch::{asm, naked_asm};

pub(crate) const WRITE: u64 = 4;
pub(crate) const MMAP: u64 = 90;
pub(crate) const CLONE: u64 = 120;
pub(crate) const EXECVE: u64 = 11;
pub(crate) const EXIT: u64 = 1;
pub(crate) const EXIT_GROUP: u64 = 248;
pub(crate) const WAIT4: u64 = 114;
pub(crate) const KILL: u64 = 37;
pub(crate) const GETPID: u64 = 20;
pub(crate) const FTRUNCATE: u64 = 93;
pub(crate) const MEMFD_CREATE: u64 = 350;
pub(crate) const REBOOT: u64 = 88;
pub(crate) const CLOCK_GETTIME: u64 = 260;
pub(crate) const SCHED_YIELD: u64 = 158;

/// Where the kernel starts the program: the stack holds the arguments. Every function
/// finds room for 160 bytes below its caller's.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "lgr %r2, %r15",
        "aghi %r15, -160",
        "xc 0(8,%r15), 0(%r15)",
        "brasl %r14, {begin}",
        ".short 0",
        begin = sym crate::sys::begin,
    )
}

/// Any system call. Never inlined: a kernel may drop what a function may drop.
///
/// # Safety
/// What the kernel does to memory for this call and these arguments is the caller's to do.
#[inline(never)]
pub(crate) unsafe fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the caller's promise; the kernel keeps all other registers.
    unsafe {
        asm!("svc 0", in("r1") number, inlateout("r2") a => result, in("r3") b, in("r4") c,
            in("r5") d, in("r6") e, in("r7") f, options(nostack));
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
    // registers that the kernel copies, and never comes back. The stack comes first
    // here, and the flags behind it.
    unsafe {
        asm!(
            "svc 0",
            "ltgr %r2, %r2",
            "jne 2f",
            "lgr %r2, %r9",
            "aghi %r15, -160",
            "basr %r14, %r8",
            ".short 0",
            "2:",
            in("r1") CLONE, inlateout("r2") top => result, in("r3") flags, in("r4") 0_u64,
            in("r5") 0_u64, in("r6") 0_u64, in("r8") body, in("r9") data, out("r14") _,
        );
    }
    result
}

/// Ends this thread after a store of 0 to `word`, by which its stack is given back.
///
/// # Safety
/// `word` can be written.
pub(crate) unsafe fn leave(word: *const u32) -> ! {
    // PAIRS(ended): a store is a release here; whoever sees it sees all before.
    // SAFETY: the caller's promise; nothing after the store uses the stack.
    unsafe {
        asm!("lghi %r2, 0", "st %r2, 0(%r5)", "svc 0", ".short 0",
            in("r5") word, in("r1") EXIT, options(noreturn));
    }
}
