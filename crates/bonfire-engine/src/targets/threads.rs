//! The CPUs that the threads of the address space are on.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Edge, Targets};
use crate::machine::{Machine, Word};
use crate::space::{AddressSpace, Occupant, Thread, is_same, wants_fences};
use crate::{CpuSet, Engine, Site};

/// A machine that can list the threads of an address space.
pub trait ThreadList<const GROUPS: usize>: Machine {
    /// Calls `visit` with every thread that has `space`, the kernel threads that
    /// use it included.
    ///
    /// A thread that is in the list when the walk begins and stays in it is
    /// visited. One that comes meanwhile enters the list before it first runs,
    /// and one that goes leaves it after its exit hook; the lock or the grace
    /// period of the list orders them with the walk.
    fn for_each_thread(
        &self,
        space: &AddressSpace<Self, Threads, GROUPS>,
        visit: impl FnMut(&Thread<Self, Threads, GROUPS>),
    );
}

/// Walks the threads of the caller's address space and pokes the CPU that each
/// of them is on: what the 2017 thread dismisses for processes with many threads
/// ("e.g. Java"). `GLOBAL_EXPEDITED` pokes every online CPU.
///
/// # What it owes
/// - Each thread publishes the CPU it is on. On every switch the one that enters
///   does so first, then a full barrier, then the one that leaves takes itself
///   off: one barrier serves edge A for the first and edge B for the second.
/// - That holds *also between two threads of one address space*: a walk may look
///   at one just before it enters and at the other just after it left.
/// - Kernel threads that use the address space are in its list.
/// - A thread that leaves a CPU may be picked by another only when the hook is
///   done.
pub struct Threads;

/// Where a thread is: the number of its CPU and 1, or 0.
pub struct ThreadWord<W>(W);

impl<M: ThreadList<GROUPS>, const GROUPS: usize> Targets<M, GROUPS> for Threads {
    type PerSpace = ();
    const PER_SPACE: () = ();
    type PerThread = ThreadWord<M::Word>;
    const PER_THREAD: Self::PerThread = ThreadWord(M::Word::ZERO);
    const CONDITIONAL: bool = true;

    fn private(engine: &Engine<M, Self, GROUPS>, space: &AddressSpace<M, Self, GROUPS>) -> CpuSet<GROUPS> {
        let mut cpus = CpuSet::EMPTY;
        engine.machine.for_each_thread(space, |thread| {
            // Relaxed: between the caller's two barriers (edges A and B).
            match u32::try_from(thread.design.0.load(Relaxed)) {
                Ok(0) | Err(_) => {}
                Ok(cpu) => cpus.add(Cpu(cpu - 1)),
            }
        });
        cpus
    }

    #[inline]
    fn occupy(
        engine: &Engine<M, Self, GROUPS>,
        cpu: Cpu,
        from: Occupant<'_, M, Self, GROUPS>,
        to: Occupant<'_, M, Self, GROUPS>,
        at: Edge,
    ) {
        if let Some(thread) = to.thread() {
            // Relaxed: a barrier follows.
            thread.design.0.store(u64::from(cpu.0) + 1, Relaxed);
        }
        if wants_fences(from.accesses()) || wants_fences(to.accesses()) {
            // PAIRS(A): with SysEntry, for who enters: whoever looked before has
            // its stores seen here.
            // PAIRS(B): with SysExit, for who leaves: whoever looks afterwards
            // sees what was done here.
            engine.machine.fence(match (from.accesses(), to.accesses()) {
                (left @ Some(_), entered @ Some(_)) if is_same(left, entered) => Site::SameSwitch,
                (_, Some(_)) => at.after,
                (_, None) => at.before,
            });
        }
        match (from.thread(), to.thread()) {
            // An exec: the thread stays where it is, in another list.
            (Some(left), Some(entered)) if core::ptr::eq(left, entered) => {}
            // Relaxed: behind the barrier.
            (Some(left), _) => left.design.0.store(0, Relaxed),
            (None, _) => {}
        }
        engine.enter_user(cpu, from, to);
    }
}
