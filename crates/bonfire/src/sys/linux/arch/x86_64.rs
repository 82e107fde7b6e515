//! x86-64: `syscall`, which overwrites `rcx` and `r11`.
//!
//! What else Linux keeps: every other register, the vector, mask and tile registers
//! and those of APX among them (psABI for x86-64, A.2.1 "Calling Conventions" of
//! Linux; `Documentation/arch/x86/xstate.rst`). To the caller of [`trap`] all of
//! them are scratch anyway, but `rbx`, `rbp`, `rsp` and `r12` to `r15` (psABI, 3.2.1;
//! AMX tiles and APX's `r16` to `r31` are scratch, too).
#![expect(unsafe_code, reason = "a system call is an instruction")]

use core::arch::asm;
#[cfg(feature = "std")]
use core::ffi::c_void;

/// Traps into the kernel with four arguments; never inlined, see [`super`].
///
/// # Safety
/// The call of this number must be safe with these arguments: what they point
/// to is live, and the kernel may do to the process what the call does.
#[inline(never)]
pub(super) unsafe extern "C" fn trap(a: usize, b: usize, c: usize, d: usize, number: usize) -> isize {
    let result;
    // SAFETY: the caller vouches for the call. The kernel keeps every register that is not named
    // here (see above); memory is clobbered, so the compiler keeps accesses on their
    // side of the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Makes a child with `clone3`, which calls `child` with `argument` on the stack that
/// the arguments name; its number, or an error negated.
///
/// # Safety
/// The arguments are a `struct clone_args` of this size and ask for a stack; child and
/// parent share what they share soundly.
#[cfg(feature = "std")]
#[inline(never)]
pub(crate) unsafe extern "C" fn clone3(
    arguments: *const c_void,
    size: usize,
    child: extern "C" fn(*mut c_void) -> !,
    argument: *mut c_void,
) -> isize {
    let result;
    // SAFETY: the caller vouches for the call. The child never leaves this block; to
    // the parent it is a system call like others.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r10",
            "call rdx",
            "ud2",
            "2:",
            inlateout("rax") number::CLONE3 => result,
            in("rdi") arguments, in("rsi") size, in("rdx") child, in("r10") argument,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const PRCTL: usize = 157;
    pub(crate) const MADVISE: usize = 28;
    #[cfg(feature = "std")]
    pub(crate) const PRLIMIT64: usize = 302;
    #[cfg(feature = "std")]
    pub(crate) const CLONE3: usize = 435;
    pub(crate) const WRITE: usize = 1;
    #[cfg(feature = "std")]
    pub(crate) const WAIT4: usize = 61;
    #[cfg(feature = "std")]
    pub(crate) const EXIT_GROUP: usize = 231;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 204;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 203;
    #[cfg(feature = "std")]
    pub(crate) const GETPID: usize = 39;
}
