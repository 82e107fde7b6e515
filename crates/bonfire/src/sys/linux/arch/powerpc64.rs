//! 64-bit POWER: `sc`, number in `r0`. An error is told by the summary overflow
//! bit and comes as a positive number, which is negated here.
//!
//! What Linux does not keep: `r0`, `r3` to `r12`, `cr0`, `ctr` and `xer`, which are
//! named below. It keeps all floating-point and vector registers, which to the
//! caller of [`trap`] are scratch for the most part
//! (`Documentation/arch/powerpc/syscall64-abi.rst`; ELFv2 ABI, 2.2.1.1).
#![expect(unsafe_code, reason = "a system call is an instruction")]

use core::arch::asm;

/// Traps into the kernel with four arguments; never inlined, see [`super`].
///
/// # Safety
/// The call of this number must be safe with these arguments: what they point
/// to is live, and the kernel may do to the process what the call does.
#[inline(never)]
pub(super) unsafe extern "C" fn trap(a: usize, b: usize, c: usize, d: usize, number: usize) -> isize {
    let result;
    // SAFETY: the caller vouches for the call. Every register that the kernel does not keep is
    // an output or clobbered here, and so is memory.
    unsafe {
        asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            inlateout("r0") number => _,
            inlateout("r3") a => result,
            inlateout("r4") b => _, inlateout("r5") c => _,
            inlateout("r6") d => _,
            lateout("r7") _, lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _, lateout("r12") _,
            lateout("cr0") _, lateout("ctr") _, lateout("xer") _,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const PRCTL: usize = 171;
    pub(crate) const MADVISE: usize = 205;
    pub(crate) const WRITE: usize = 4;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 223;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 222;
    #[cfg(feature = "std")]
    pub(crate) const GETPID: usize = 20;
}
