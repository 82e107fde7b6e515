//! RISC-V, 64 bits: `ecall`, number in `a7`.
//!
//! What Linux does *not* keep: `v0` to `v31`, `vl`, `vtype` and `vstart`, which become
//! unspecified and are overwritten on purpose since 6.5
//! (`Documentation/arch/riscv/vector.rst`, "Vector Register State Across System
//! Calls"; the ISA manual's chapter on V says the same). In the standard calling
//! convention an ordinary function keeps none of them either (RISC-V psABI, "Vector
//! Register Convention"), so to the caller of [`trap`] all of them are scratch.
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
            "ecall",
            in("a7") number,
            inlateout("a0") a => result,
            in("a1") b, in("a2") c, in("a3") d,
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
            "ecall",
            "bnez a0, 2f",
            "mv s0, zero",
            "mv a0, a3",
            "jalr a2",
            "unimp",
            "2:",
            in("a7") number::CLONE3,
            inlateout("a0") arguments => result,
            in("a1") size, in("a2") child, in("a3") argument,
            lateout("ra") _,
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
