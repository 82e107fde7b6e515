//! The CPU mask of the address space, each CPU confirmed under its lock.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Around, Choose, SpaceMask, token};
use crate::kernel::{Kernel, WordOf};
use crate::machine::{Machine, Word};
use crate::slot::Slot;
use crate::space::{Occupant, Task, is_same};
use crate::{CpuSet, Design, Engine, Site};

/// A machine whose run queues can be locked from any CPU.
pub trait RunQueues: Machine {
    /// Calls `body` with the run queue of `cpu` locked, and interrupts off if its
    /// lock wants that. Nobody who holds the lock waits for a barrier.
    ///
    /// The lock orders as locks do: what was done before it was given back is
    /// visible to the next that takes it.
    fn with_run_queue<R>(&self, cpu: Cpu, body: impl FnOnce() -> R) -> R;
}

/// Reads a mask of CPUs that is only ever added to, and asks each of them, with
/// its run queue locked, whether it runs the caller's address space: powerpc as
/// proposed in the 2017 thread.
///
/// Switches pay no barrier: the lock orders them. A caller pays a lock for every
/// CPU its process ever ran on, and so does whoever wants to switch there: any
/// process can fill its mask and then call in a loop. That is why the thread
/// refused it, and why it is here to be measured. `GLOBAL_EXPEDITED` pokes every
/// online CPU.
///
/// # What it owes
/// - The kernel calls every hook but
///   [`handle_poke`](crate::Engine::handle_poke) and
///   [`before_user`](crate::Engine::before_user) with this CPU's run queue
///   locked, and the lock is given back before user memory is accessed again and
///   after it was last accessed.
/// - A CPU puts itself into a mask, with a full barrier, before its first access:
///   a caller that does not find it there does not take its lock.
///
/// # What it notices
/// What [`Running`](crate::Running) does. Not a hook that was called without the
/// lock.
pub struct LockedMask;

impl<K: Kernel<Design = Self>> Choose<K> for LockedMask
where
    K::Machine: RunQueues,
{
    const DESIGN: Design = Design::LockedMask;
    type PerSpace = SpaceMask<K>;
    const PER_SPACE: SpaceMask<K> = SpaceMask::NEW;
    type PerThread = ();
    const PER_THREAD: () = ();
    const PAYS_IF_REGISTERED: bool = false;

    fn private(engine: &Engine<K>, _: Cpu, caller: Task<'_, K>) -> CpuSet<K> {
        let token = caller.space.token();
        let mut running = CpuSet::EMPTY;
        for cpu in caller.space.design.read().iter() {
            // Relaxed: the lock orders it (edges A and B, by way of the lock).
            let runs = || engine.slot(cpu).is_some_and(|slot| slot.own.told.load(Relaxed) == token);
            if engine.machine.with_run_queue(cpu, runs) {
                running.add(cpu);
            }
        }
        running
    }

    #[inline]
    fn occupy(
        engine: &Engine<K>,
        slot: &Slot<WordOf<K>>,
        cpu: Cpu,
        from: Occupant<'_, K>,
        to: Occupant<'_, K>,
        _: Around,
    ) {
        if let Some(space) = to.accesses() {
            if !space.design.holds(cpu) {
                space.design.enter(cpu);
                // PAIRS(A): with SysEntry. A caller that did not find this CPU in the mask,
                // and did not take its lock, has its stores seen here.
                engine.machine.fence(Site::MaskSet);
            }
        }
        // Relaxed: under the lock.
        slot.own.told.store(token(to.accesses()), Relaxed);
        if !is_same(from.accesses(), to.accesses()) {
            engine.enter_user(cpu, from, to);
        }
    }
}
