//! Which CPUs to interrupt: the question of the 2017 thread, answered five times.
//!
//! | design | chooses | a switch pays | asks of the kernel | disturbs | when |
//! |--------|---------|---------------|--------------------|----------|------|
//! | [`Everywhere`] | every online CPU | nothing | nothing | everybody | the first port; few CPUs |
//! | [`Running`] | CPUs whose published occupant is the caller's address space, in the parts of the machine that it has been in | one store; a look at one word and two barriers if registered | the switch hooks | nobody else | the default |
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
pub use running::{Running, Visited};
pub use threads::{ThreadList, ThreadWord, Threads};

use crate::kernel::{Kernel, WordOf};
use crate::machine::Machine;
use crate::slot::Slot;
use crate::space::{AddressSpace, Occupant, Task, is_same};
use crate::told::{GLOBAL, NOBODY};
use crate::{CpuSet, Design, Engine, Site, Users};

/// A way to choose the CPUs that a barrier must reach.
///
/// The five types of this module, and no others: each passes the model, and the
/// proof would not extend to one from elsewhere.
pub trait Targets<K: Kernel>: Choose<K> {}

impl<K: Kernel, D: Choose<K>> Targets<K> for D {}

/// What a design does. Nobody outside can name it.
pub trait Choose<K: Kernel>: Sized {
    /// Which it is.
    const DESIGN: Design;

    /// What the design keeps of an address space.
    type PerSpace;
    /// That, of a new one.
    const PER_SPACE: Self::PerSpace;
    /// What the design keeps of a thread.
    type PerThread;
    /// That, of a new one.
    const PER_THREAD: Self::PerThread;

    /// Whether it keeps what the hooks tell. If not, no hook on a switch does
    /// anything, and no CPU is ever doubted.
    const IS_TOLD: bool = true;
    /// Whether its hooks pay barriers for address spaces that registered, and
    /// for no others: then a first registration must reach every CPU before its
    /// gate opens.
    const PAYS_IF_REGISTERED: bool;
    /// Whether each CPU publishes that it is a target of `GLOBAL_EXPEDITED`: then
    /// such a registration must reach every CPU.
    const PUBLISHES_GLOBAL: bool = false;
    /// Whether a thread that enters a CPU finds its core serialised, if a call
    /// skipped that CPU: by the switch hook.
    const SERIALISES_ON_SWITCH: bool = true;

    /// The CPUs that may be accessing the memory of the caller's address space, where
    /// the hooks said that the caller is on `me`, which may be among them or not.
    ///
    /// Called behind [`Site::SysEntry`].
    fn private(engine: &Engine<K>, me: Cpu, caller: Task<'_, K>) -> CpuSet<K>;

    /// Whether [`private`](Self::private) would have `cpu`, which is not `me`: what
    /// a call for one CPU asks, and it looks at no other where it need not.
    ///
    /// Called behind [`Site::SysEntry`].
    #[inline]
    fn runs(engine: &Engine<K>, me: Cpu, caller: Task<'_, K>, cpu: Cpu) -> bool {
        Self::private(engine, me, caller).contains(cpu)
    }

    /// The CPUs that may be accessing the memory of an address space that
    /// registered for `GLOBAL_EXPEDITED`: by default, all that are online.
    ///
    /// Called behind [`Site::SysEntry`].
    fn global(engine: &Engine<K>) -> CpuSet<K> {
        engine.online_cpus()
    }

    /// Whether `occupant` is what this CPU was `told`.
    #[inline]
    fn agrees(cpu: Cpu, told: u64, occupant: Occupant<'_, K>) -> bool {
        let _ = cpu;
        let token = token(occupant.accesses());
        told == token || told == token | GLOBAL
    }

    /// The occupant of `cpu` changes, and what was told agrees with `from`.
    /// Interrupts are off.
    fn occupy(
        engine: &Engine<K>,
        slot: &Slot<WordOf<K>>,
        cpu: Cpu,
        from: Occupant<'_, K>,
        to: Occupant<'_, K>,
        at: Around,
    );

    /// `from`, which gave way to `to`, had not been told of: it is nowhere, in
    /// what the design keeps of address spaces and threads. Interrupts are off.
    fn forget(cpu: Cpu, from: Occupant<'_, K>, to: Occupant<'_, K>) {
        let _ = (cpu, from, to);
    }

    /// `space` registers for the first time, by a call on `me`: every CPU that its
    /// hooks do not pay for yet has answered. Behind [`Site::RegExit`], before the
    /// gate opens.
    fn registered(engine: &Engine<K>, me: Cpu, space: &AddressSpace<K>, users: Users) {
        let _ = (engine, me, space, users);
    }

    /// This CPU may run an address space that has just registered for
    /// `GLOBAL_EXPEDITED`. Interrupts are off.
    fn publish(slot: &Slot<WordOf<K>>) {
        let _ = slot;
    }
}

/// The names of the barriers around a change of occupant.
#[derive(Clone, Copy)]
pub struct Around {
    /// Behind the accesses of the one who leaves.
    pub before: Site,
    /// Ahead of the accesses of the one who enters.
    pub after: Site,
}

/// What a CPU is told if this address space occupies it, or none does.
#[inline]
fn token<K: Kernel>(space: Option<&AddressSpace<K>>) -> u64 {
    space.map_or(NOBODY, AddressSpace::token)
}

impl<K: Kernel> Engine<K> {
    /// A user thread enters this CPU behind somebody else: what `SYNC_CORE` owes
    /// if a caller skipped this CPU just before. The barrier after the change of
    /// occupant has been passed.
    ///
    /// A kernel thread that begins to use the address space runs no instruction of
    /// it, and owes all the same: a user thread that follows it here is no change
    /// of occupant.
    #[inline]
    pub(crate) fn enter_user(&self, cpu: Cpu, from: Occupant<'_, K>, to: Occupant<'_, K>) {
        if K::Machine::CORE_SYNC.is_none() {
            return;
        }
        if let Some(space) = to.accesses() {
            if space.state.read().wants_core_sync() && self.takes_stale(cpu, space) {
                let stays = is_same(from.space(), Some(space));
                // PAIRS(S): the instructions stored before a call that skipped
                // this CPU are visible here, behind edge A; and so is the intent.
                self.owe_core_sync(cpu, if stays { Site::RetCoreSync } else { Site::SwitchCoreSync });
            }
        }
    }
}
