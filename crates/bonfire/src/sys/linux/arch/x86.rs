//! x86, 32 bits: `int 0x80`. Two of the argument registers, `ebx` and `esi`, are
//! the compiler's own, so the arguments go through memory.
//!
//! What Linux keeps: every register but `eax`, the vector registers among them. To the
//! caller of [`trap`] all of these are scratch anyway (i386 psABI, 2.2.1).
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
    // SAFETY: the caller vouches for the call. The two registers that are not operands are put back,
    // and memory is clobbered.
    unsafe {
        asm!(
            "push ebx",
            "push esi",
            "mov ebx, [edi]",
            "mov ecx, [edi + 4]",
            "mov edx, [edi + 8]",
            "mov esi, [edi + 12]",
            "int 0x80",
            "pop esi",
            "pop ebx",
            inlateout("eax") number => result,
            inlateout("edi") [a, b, c, d].as_ptr() => _,
            lateout("ecx") _, lateout("edx") _,
        );
    }
    result
}

/// Numbers of system calls, from this architecture's table.
pub(crate) mod number {
    pub(crate) const PRCTL: usize = 172;
    pub(crate) const MADVISE: usize = 219;
    pub(crate) const WRITE: usize = 4;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_GETAFFINITY: usize = 242;
    #[cfg(feature = "std")]
    pub(crate) const SCHED_SETAFFINITY: usize = 241;
    #[cfg(feature = "std")]
    pub(crate) const GETPID: usize = 20;
}
