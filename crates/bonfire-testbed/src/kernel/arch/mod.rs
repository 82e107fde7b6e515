//! What the kernel asks of an architecture, and the one that answers.
//!
//! The rest of the kernel sees only what is re-exported here: boot and start-up
//! of the other CPUs, [`TrapFrame`] and the ways in and out of ring 3, context
//! switches, page tables, interprocessor interrupts, timer and clock, core
//! serialisation, the debug port. A second architecture is a second folder.

mod x86_64;
pub(crate) use x86_64::*;
