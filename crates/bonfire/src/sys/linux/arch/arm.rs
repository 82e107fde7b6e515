//! Arm, 32 bits (EABI): `svc 0`, number in `r7`, which in Thumb code is the frame
//! pointer and so no operand: it is kept aside around the call.
//!
//! What Linux keeps: every register but `r0`, those of VFP and NEON among them. To the
//! caller of [`trap`] `d0` to `d7` and `d16` to `d31` are scratch anyway (AAPCS32,
//! 6.1.2.1).
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
    // SAFETY: the caller vouches for the call. The kernel keeps every register that is not named
    // here (see above); memory is clobbered, so the compiler keeps accesses on their
    // side of the call.
    unsafe {
        asm!(
            "mov {frame}, r7",
            "mov r7, {number}",
            "svc 0",
            "mov r7, {frame}",
            number = in(reg) number,
            frame = out(reg) _,
            inlateout("r0") a => result,
            in("r1") b, in("r2") c, in("r3") d,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const PRCTL: usize = 172;
    pub(crate) const MADVISE: usize = 220;
    pub(crate) const WRITE: usize = 4;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 242;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 241;
    #[cfg(feature = "std")]
    pub(crate) const GETPID: usize = 20;
}
