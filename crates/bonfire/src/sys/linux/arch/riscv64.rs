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

/// Traps into the kernel with five arguments; never inlined, see [`super`].
///
/// # Safety
/// The call of this number must be safe with these arguments: what they point
/// to is live, and the kernel may do to the process what the call does.
#[inline(never)]
pub(super) unsafe extern "C" fn trap(
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    number: usize,
) -> isize {
    let result;
    // SAFETY: the caller vouches for the call. Of the registers that the kernel does not keep
    // this function holds none, and its caller expects none (see above); memory is
    // clobbered, so the compiler keeps accesses on their side of the call.
    unsafe {
        asm!(
            "ecall",
            in("a7") number,
            inlateout("a0") a => result,
            in("a1") b, in("a2") c, in("a3") d, in("a4") e,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const READ: usize = 63;
    pub(crate) const WRITE: usize = 64;
    pub(crate) const OPENAT: usize = 56;
    pub(crate) const CLOSE: usize = 57;
    pub(crate) const CLONE: usize = 220;
    pub(crate) const WAIT4: usize = 260;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const UNAME: usize = 160;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 123;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 122;
    pub(crate) const GETPID: usize = 172;
    pub(crate) const RT_SIGPROCMASK: usize = 135;
}
