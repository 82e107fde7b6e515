//! Which CPUs to interrupt: the question of the 2017 thread, answered five times.
//!
//! | design | chooses | a switch pays | asks of the kernel | disturbs | when |
//! |--------|---------|---------------|--------------------|----------|------|
//! | [`Everywhere`] | every online CPU | nothing | nothing | everybody | the first port; few CPUs |
//! | [`Running`] | CPUs whose published occupant is the caller's address space | one store; two barriers if registered | the switch hooks | nobody else | the default |
//! | [`Mask`] | the address space's CPU mask, read without locks | an edit of one or two masks; one barrier if registered | the switch hooks; that a borrowed address space lives | CPUs that borrow it | the kernel keeps such masks anyway |
//! | [`LockedMask`] | the mask, each CPU confirmed under its run-queue lock | one store; a mask edit and barrier on the first visit | [`RunQueues`]; every hook with the lock held | everybody's run queues | switches must be free of barriers |
//! | [`Threads`] | the CPUs that the address space's threads are on | two stores; one barrier if registered, also between threads of one address space | [`ThreadList`] | nobody else | few threads |
//!
//! Every design may choose too many CPUs, none may choose too few. What a design
//! owes is written at it; the model explores each with every scenario.

mod everywhere;
mod locked_mask;
mod mask;
mod running;
mod threads;

use bonfire_abi::Cpu;

pub use everywhere::Everywhere;
pub use locked_mask::{LockedMask, RunQueues};
pub use mask::{Mask, SpaceMask};
pub use running::Running;
pub use threads::{ThreadList, ThreadWord, Threads};

use crate::machine::Machine;
use crate::space::{AddressSpace, Occupant};
use crate::{CpuSet, Engine, Site};

/// A way to choose the CPUs that a barrier must reach.
///
/// The five types of this module implement it; each passes the model. The proof
/// does not extend to an implementation from elsewhere.
pub trait Targets<M: Machine, const GROUPS: usize>: Sized {
    /// What the design keeps of an address space.
    type PerSpace;
    /// That, of a new one.
    const PER_SPACE: Self::PerSpace;
    /// What the design keeps of a thread.
    type PerThread;
    /// That, of a new one.
    const PER_THREAD: Self::PerThread;

    /// Whether the barriers of the hooks depend on a registration, so that a
    /// registration must reach every CPU before its gate opens.
    const CONDITIONAL: bool;
    /// Whether a CPU publishes that its occupant registered for
    /// `GLOBAL_EXPEDITED`, so that such a registration must reach every CPU.
    const PUBLISHES: bool = false;
    /// Whether the switch hooks see to core serialisation on a CPU that was
    /// skipped.
    const SKIPS: bool = true;

    /// The CPUs that may be accessing the memory of `space`.
    ///
    /// Called behind [`Site::SysEntry`].
    fn private(engine: &Engine<M, Self, GROUPS>, space: &AddressSpace<M, Self, GROUPS>) -> CpuSet<GROUPS>;

    /// The CPUs that may be accessing the memory of an address space that
    /// registered for `GLOBAL_EXPEDITED`: by default, all that are online.
    ///
    /// Called behind [`Site::SysEntry`].
    fn global(engine: &Engine<M, Self, GROUPS>) -> CpuSet<GROUPS> {
        engine.online_cpus()
    }

    /// The occupant of `cpu` changes. Interrupts are off.
    fn occupy(
        engine: &Engine<M, Self, GROUPS>,
        cpu: Cpu,
        from: Occupant<'_, M, Self, GROUPS>,
        to: Occupant<'_, M, Self, GROUPS>,
        at: Edge,
    );

    /// Publishes the occupant of this CPU again, where the design publishes it.
    /// Interrupts are off.
    fn publish(engine: &Engine<M, Self, GROUPS>, cpu: Cpu, occupant: Occupant<'_, M, Self, GROUPS>) {
        let _ = (engine, cpu, occupant);
    }
}

/// The names of the barriers on either side of a change of occupant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Behind the accesses of who leaves.
    pub before: Site,
    /// Ahead of the accesses of who enters.
    pub after: Site,
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Engine<M, T, GROUPS> {
    /// A user thread enters this CPU behind somebody else: what `SYNC_CORE` owes
    /// if a caller skipped this CPU just before. The barrier after the change of
    /// occupant has been passed.
    ///
    /// A kernel thread that begins to use the address space runs no instruction of
    /// it, and owes all the same: a user thread that follows it here is no change
    /// of occupant.
    #[inline]
    pub(crate) fn enter_user(
        &self,
        cpu: Cpu,
        from: Occupant<'_, M, T, GROUPS>,
        to: Occupant<'_, M, T, GROUPS>,
    ) {
        if M::CORE_SYNC.is_none() {
            return;
        }
        if let Some(space) = to.accesses() {
            if space.state.read().wants_core_sync() {
                let stays = crate::space::is_same(from.space(), Some(space));
                // PAIRS(S): the instructions stored before a call that skipped
                // this CPU are visible here, behind edge A.
                self.owe_core_sync(cpu, if stays { Site::RetCoreSync } else { Site::SwitchCoreSync });
            }
        }
    }
}
