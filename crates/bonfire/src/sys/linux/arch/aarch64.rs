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
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e,
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
