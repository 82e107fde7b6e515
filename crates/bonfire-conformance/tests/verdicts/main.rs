//! Verdicts on simulated machines. Nothing here hangs on the processor, or on what
//! else it does.

// The machines' threads are coroutines, which some architectures do not have.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]

mod faults;
mod machines;
mod simulated;
