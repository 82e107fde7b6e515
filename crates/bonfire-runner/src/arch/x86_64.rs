//! x86-64.

use core::arch::{asm, naked_asm};

pub(crate) const WRITE: u64 = 1;
pub(crate) const MMAP: u64 = 9;
pub(crate) const SCHED_YIELD: u64 = 24;
pub(crate) const GETPID: u64 = 39;
pub(crate) const CLONE: u64 = 56;
pub(crate) const EXECVE: u64 = 59;
pub(crate) const EXIT: u64 = 60;
pub(crate) const WAIT4: u64 = 61;
pub(crate) const KILL: u64 = 62;
pub(crate) const FTRUNCATE: u64 = 77;
pub(crate) const REBOOT: u64 = 169;
pub(crate) const CLOCK_GETTIME: u64 = 228;
pub(crate) const EXIT_GROUP: u64 = 231;
pub(crate) const MEMFD_CREATE: u64 = 319;

/// Where the kernel starts the program: the stack holds the arguments.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "xor ebp, ebp",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {begin}",
        begin = sym crate::sys::begin,
    )
}

/// Any system call.
///
/// # Safety
/// What the kernel does to memory for this call and these arguments is the caller's to do.
#[inline(never)]
pub(crate) unsafe fn call(number: u64, [a, b, c, d, e, f]: [u64; 6]) -> isize {
    let result;
    // SAFETY: the caller's promise; the kernel keeps all other registers.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

/// Makes a thread or process that calls `body(data)`, with its stack below `top`.
///
/// # Safety
/// The stack is nobody else's, 16-aligned, and stays until the end.
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
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r9",
            "call r8",
            "ud2",
            "2:",
            inlateout("rax") CLONE => result, in("rdi") flags, in("rsi") top, in("rdx") 0_u64, in("r10") 0_u64,
            in("r8") body, in("r9") data, out("rcx") _, out("r11") _,
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
        asm!("mov dword ptr [{word}], 0", "xor edi, edi", "syscall", "ud2",
            word = in(reg) word, in("rax") EXIT, options(noreturn));
    }
}
