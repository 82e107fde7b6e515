//! The five designs, and what each asks of this kernel.

use std::sync::Arc;

use bonfire_engine::{
    AddressSpace, Engine, Everywhere, LockedMask, Mask, Occupant, Running, Targets, Task, Thread, Threads,
};

use crate::machine::{GROUPS, Machine};

/// A way to choose CPUs, as this kernel serves it.
// The number of groups is spelt out: as a constant, rustc 1.95 does not find
// that the bound on the associated types is the bound on the design.
pub trait Design:
    Targets<Machine, 1, PerSpace: Send + Sync, PerThread: Send + Sync> + Send + Sync + 'static
{
    /// What `--subject engine=` calls it.
    const NAME: &'static str;

    /// Whether hooks are called with the CPU's run queue locked.
    const LOCKS_RUN_QUEUE: bool = false;

    /// `thread` belongs to `space` from now on; before it first runs there.
    fn enlist(machine: &Machine, space: &SpaceOf<Self>, thread: &Arc<ThreadOf<Self>>) {
        let _ = (machine, space, thread);
    }

    /// `thread` no longer belongs to `space`; after its hook.
    fn delist(machine: &Machine, space: &SpaceOf<Self>, thread: &Arc<ThreadOf<Self>>) {
        let _ = (machine, space, thread);
    }
}

/// The engine on this machine.
pub type EngineOf<D> = Engine<Machine, D, GROUPS>;
/// What the engine keeps of an address space.
pub type SpaceOf<D> = AddressSpace<Machine, D, GROUPS>;
/// What the engine keeps of a thread.
pub type ThreadOf<D> = Thread<Machine, D, GROUPS>;
/// What occupies a CPU, as the engine is told.
pub(crate) type OccupantOf<'a, D> = Occupant<'a, Machine, D, GROUPS>;
/// A thread and its address space, as the engine is told.
pub(crate) type TaskOf<'a, D> = Task<'a, Machine, D, GROUPS>;

impl Design for Everywhere {
    const NAME: &'static str = "everywhere";
}

impl Design for Running {
    const NAME: &'static str = "running";
}

impl Design for Mask {
    const NAME: &'static str = "mask";
}

impl Design for LockedMask {
    const NAME: &'static str = "locked-mask";
    const LOCKS_RUN_QUEUE: bool = true;
}

impl Design for Threads {
    const NAME: &'static str = "threads";

    fn enlist(machine: &Machine, space: &SpaceOf<Self>, thread: &Arc<ThreadOf<Self>>) {
        machine.enlist(space, thread);
    }

    fn delist(machine: &Machine, space: &SpaceOf<Self>, thread: &Arc<ThreadOf<Self>>) {
        machine.delist(space, thread);
    }
}
const _: () = assert!(GROUPS == 1, "the bound of Design spells it out");
