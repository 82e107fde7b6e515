//! How each architecture traps into Linux, and the numbers of the few calls
//! that are made besides `membarrier`.
//!
//! One file an architecture, each with the same two items: `syscall`, which
//! passes five arguments and returns the kernel's value with errors negated,
//! and `number`, from that architecture's own table of calls.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "x86", path = "x86.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
mod this;

pub(crate) use this::{number, syscall};
