//! AArch64: `svc 0`, number in `x8`.
//!
//! What Linux does *not* keep: of each SVE register `z0` to `z31` all but the low 128
//! bits, the predicates `p0` to `p15` and `ffr`, and streaming mode, which the call
//! leaves (`Documentation/arch/arm64/sve.rst` and `sme.rst`, "System call
//! behaviour"). An ordinary function keeps the low 64 bits of `v8` to `v15` and
//! nothing else of these (AAPCS64, 6.1.2 and 6.1.3), and is called with streaming mode
//! off, so to the caller of [`trap`] all that the kernel destroys is scratch.
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
    // SAFETY: the caller vouches for the call. Of the registers that the kernel does not keep
    // this function holds none, and its caller expects none (see above); memory is
    // clobbered, so the compiler keeps accesses on their side of the call.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d,
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
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x3",
            "blr x2",
            "brk #1",
            "2:",
            in("x8") number::CLONE3,
            inlateout("x0") arguments => result,
            in("x1") size, in("x2") child, in("x3") argument,
            lateout("x30") _,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const PRCTL: usize = 167;
    pub(crate) const MADVISE: usize = 233;
    #[cfg(feature = "std")]
    pub(crate) const PRLIMIT64: usize = 261;
    #[cfg(feature = "std")]
    pub(crate) const CLONE3: usize = 435;
    pub(crate) const WRITE: usize = 64;
    #[cfg(feature = "std")]
    pub(crate) const WAIT4: usize = 260;
    #[cfg(feature = "std")]
    pub(crate) const EXIT_GROUP: usize = 94;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 123;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 122;
    #[cfg(feature = "std")]
    pub(crate) const GETPID: usize = 172;
}
