//! What the kernel asks of an architecture, and the one that answers.
//!
//! The rest of the kernel sees only what is re-exported here, under the same names for
//! each: boot and start-up of the other CPUs, [`TrapFrame`] and the ways in and out of
//! user mode, context switches, entries of page tables, interprocessor interrupts, timer
//! and clock, core serialisation, the serial port, and what Linux lays out differently
//! for each. Another architecture is another folder.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
pub(crate) use riscv64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
mod generic;
#[cfg(not(target_arch = "x86_64"))]
mod virt;

/// Runs `f` with interrupts off.
pub(crate) fn without_interrupts<R>(f: impl FnOnce() -> R) -> R {
    let were_on = enabled();
    set_enabled(false);
    let result = f();
    if were_on {
        set_enabled(true);
    }
    result
}
