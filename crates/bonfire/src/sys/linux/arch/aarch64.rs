//! AArch64: `svc 0`, number in `x8`.
#![expect(unsafe_code, reason = "a system call is an instruction")]

use core::arch::asm;

/// Traps into the kernel with five arguments.
///
/// # Safety
/// The call of this number must be safe with these arguments: what they point
/// to is live, and the kernel may do to the process what the call does.
#[inline]
pub(crate) unsafe fn syscall(number: usize, arguments: [usize; 5]) -> isize {
    let [a, b, c, d, e] = arguments;
    let result;
    // SAFETY: the caller vouches for the call. The kernel preserves every
    // register that is not an output here, and memory is clobbered, so the
    // compiler keeps accesses on their side of the call.
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
