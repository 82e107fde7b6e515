//! What each architecture wants for a system call, a birth, and the first instruction.
//!
//! All have the same face: the numbers of the calls, `call`, `clone` (a thread or
//! process on a stack of its own), `leave` (a thread's end that needs no stack), and
//! `_start`, which goes to [`begin`](crate::sys::begin).

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
mod generic;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;
#[cfg(target_arch = "riscv64")]
pub(crate) use riscv64::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;
