#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

// From the ground up: what the engine asks for, what it keeps, what it believes
// of a CPU, how CPUs answer each other, which of them are asked, and what a
// kernel calls.
mod commands;
pub mod core_sync;
mod cpus;
mod design;
mod hooks;
mod kernel;
mod machine;
mod request;
mod site;
mod slot;
mod space;
mod state;
mod targets;
mod told;

pub use bonfire_abi as abi;

pub use commands::{Refused, Users};
pub use cpus::CpuSet;
pub use design::{Design, NoSuchDesign};
pub use hooks::BeyondCapacity;
pub use kernel::{Capacity, Groups, Kernel, Parts};
#[cfg(target_has_atomic = "64")]
pub use machine::AtomicWord;
pub use machine::{Machine, Woken, Word};
pub use site::Site;
pub use space::{AddressSpace, Occupant, Task, Thread};
pub use targets::{
    Everywhere, LockedMask, Mask, RunQueues, Running, SpaceMask, Targets, ThreadList, ThreadWord, Threads,
    Visited,
};

use kernel::Slots;
use kernel::sealed::Array as _;
use targets::Choose as _;
use told::Doubted;

/// The kernel's side of `membarrier(2)`: one for the whole kernel, in a static.
pub struct Engine<K: Kernel> {
    machine: K::Machine,
    slots: Slots<K>,
    doubted: Doubted<K>,
}

impl<K: Kernel> Engine<K> {
    /// How this engine chooses CPUs.
    pub const DESIGN: Design = K::Design::DESIGN;

    /// An engine whose CPUs are all offline.
    #[must_use]
    pub const fn new(machine: K::Machine) -> Self {
        Self { machine, slots: Slots::<K>::NEW, doubted: Doubted::NONE }
    }

    /// The machine.
    pub const fn machine(&self) -> &K::Machine {
        &self.machine
    }
}
