//! What each architecture needs so that new instructions are executed. One file each, with
//! the same items:
//!
//! - `REACH`: how far a branch goes, in bytes, to either side;
//! - `maintain`: has instruction fetch of all CPUs see what was written;
//! - `serialise`: has this thread execute nothing that it fetched before;
//! - `enable_checks`: whether threads may serialise themselves;
//! - `patch`: replaces one instruction, where the architecture allows it.
#![expect(unsafe_code, reason = "instructions that Rust has no words for")]

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "powerpc64", path = "powerpc64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
mod this;

#[cfg(target_arch = "x86_64")]
pub(crate) use this::TRAP;
pub(crate) use this::{REACH, enable_checks, maintain, patch, serialise};
