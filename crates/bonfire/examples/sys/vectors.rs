//! Vectorised callers of heavy fences, for `cargo xtask asm` to look at: what a system
//! call destroys must not hold what its caller still needs.
#![no_std]

mod around;
pub use around::*;
