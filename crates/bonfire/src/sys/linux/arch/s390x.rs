//! s390x: `svc 0`, number in `r1`.
//!
//! What Linux keeps: every register but `r2`, the vector and floating-point registers
//! among them. To the caller of [`trap`] the halves of the vector registers beyond
//! `f8` to `f15` are scratch anyway (s390x ELF ABI, 1.2.2.1).
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
            "svc 0",
            in("r1") number,
            inlateout("r2") a => result,
            in("r3") b, in("r4") c, in("r5") d,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const PRCTL: usize = 172;
    pub(crate) const MADVISE: usize = 150;
    pub(crate) const WRITE: usize = 4;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 240;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 239;
    #[cfg(feature = "std")]
    pub(crate) const GETPID: usize = 20;
}
