//! Arm, 32 bits (EABI): `svc 0`, number in `r7`, which in Thumb code is the frame
//! pointer and so no operand: it is kept aside around the call.
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
            "mov {frame}, r7",
            "mov r7, {number}",
            "svc 0",
            "mov r7, {frame}",
            number = in(reg) number,
            frame = out(reg) _,
            inlateout("r0") a => result,
            in("r1") b, in("r2") c, in("r3") d, in("r4") e,
            options(nostack),
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const READ: usize = 3;
    pub(crate) const WRITE: usize = 4;
    pub(crate) const OPENAT: usize = 322;
    pub(crate) const CLOSE: usize = 6;
    pub(crate) const CLONE: usize = 120;
    pub(crate) const WAIT4: usize = 114;
    pub(crate) const EXIT_GROUP: usize = 248;
    pub(crate) const UNAME: usize = 122;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 242;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 241;
    pub(crate) const GETPID: usize = 20;
    pub(crate) const RT_SIGPROCMASK: usize = 175;
}
