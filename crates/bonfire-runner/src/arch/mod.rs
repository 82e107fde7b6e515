//! What each architecture wants for a system call, a birth, and the first instruction.
//!
//! All have the same face: the numbers of the calls, `call`, `clone` (a thread or
//! process on a stack of its own), `leave` (a thread's end that needs no stack), and
//! `_start`, which goes to [`begin`](crate::sys::begin). Two calls have their arguments
//! elsewhere on s390x, which stands below.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
mod generic;
#[cfg(target_arch = "powerpc64")]
mod powerpc64;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "s390x")]
mod s390x;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;
#[cfg(target_arch = "powerpc64")]
pub(crate) use powerpc64::*;
#[cfg(target_arch = "riscv64")]
pub(crate) use riscv64::*;
#[cfg(target_arch = "s390x")]
pub(crate) use s390x::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

/// Whether `mmap` finds its arguments in memory, and not in registers.
pub(crate) const MMAP_READS_MEMORY: bool = cfg!(target_arch = "s390x");

/// The arguments of `clone` for a process that goes on with a copy of the stack.
pub(crate) const fn forked(flags: u64) -> [u64; 6] {
    if cfg!(target_arch = "s390x") { [0, flags, 0, 0, 0, 0] } else { [flags, 0, 0, 0, 0, 0] }
}
