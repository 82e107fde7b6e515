#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

// From the ground up: what the engine asks for, what it keeps, how CPUs answer
// each other, which of them are asked, and what a kernel calls.
mod commands;
pub mod core_sync;
mod cpus;
mod hooks;
mod machine;
mod request;
mod site;
mod space;
mod state;
mod targets;

pub use bonfire_abi as abi;

pub use commands::Users;
pub use cpus::CpuSet;
pub use hooks::BeyondCapacity;
#[cfg(target_has_atomic = "64")]
pub use machine::AtomicWord;
pub use machine::{Machine, Woken, Word};
pub use site::Site;
pub use space::{AddressSpace, Occupant, Task, Thread};
pub use targets::{
    Edge, Everywhere, LockedMask, Mask, RunQueues, Running, SpaceMask, Targets, ThreadList, ThreadWord,
    Threads,
};

use request::Slot;

/// The kernel's side of `membarrier(2)`: one for the whole kernel, in a static.
///
/// `M` is the machine, `T` the way to choose CPUs, and `GROUPS` how many times
/// 64 CPUs there may be; each CPU costs 128 bytes.
pub struct Engine<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> {
    machine: M,
    slots: [[Slot<M::Word>; 64]; GROUPS],
    design: core::marker::PhantomData<T>,
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Engine<M, T, GROUPS> {
    /// An engine whose CPUs are all offline.
    #[must_use]
    pub const fn new(machine: M) -> Self {
        Self {
            machine,
            slots: [const { [const { Slot::NEW }; 64] }; GROUPS],
            design: core::marker::PhantomData,
        }
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }
}
