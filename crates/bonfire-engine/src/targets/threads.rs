//! The CPUs that the threads of the address space are on.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Around, Choose, token};
use crate::kernel::{Kernel, WordOf};
use crate::machine::{Machine, Word};
use crate::slot::Slot;
use crate::space::{AddressSpace, Occupant, Task, Thread, is_same, wants_fences};
use crate::{CpuSet, Design, Engine, Site};

/// A machine that can list the threads of an address space.
pub trait ThreadList<K: Kernel>: Machine {
    /// Calls `visit` with every thread that has `space`, the kernel threads that
    /// use it included.
    ///
    /// A thread that is in the list when the walk begins and stays in it is
    /// visited. One that comes meanwhile enters the list before it first runs,
    /// and one that goes leaves it after its exit hook; the lock or the grace
    /// period of the list orders them with the walk.
    fn for_each_thread(&self, space: &AddressSpace<K>, visit: impl FnMut(&Thread<K>));
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
///
/// # What it notices
/// A thread that leaves a CPU, or calls from one, of which another was told:
/// its own word and that of the CPU must agree. Not a thread that is missing
/// from the list.
pub struct Threads;

/// Where a thread is: the number of its CPU and 1, or 0.
pub struct ThreadWord<W>(W);

impl<W: Word> ThreadWord<W> {
    /// Whether the thread is on this CPU.
    #[inline]
    fn is_on(&self, cpu: Cpu) -> bool {
        // Relaxed: the CPU that it is on wrote it.
        self.0.load(Relaxed) == u64::from(cpu.0) + 1
    }
}

impl<K: Kernel<Design = Self>> Choose<K> for Threads
where
    K::Machine: ThreadList<K>,
{
    const DESIGN: Design = Design::Threads;
    type PerSpace = ();
    const PER_SPACE: () = ();
    type PerThread = ThreadWord<WordOf<K>>;
    const PER_THREAD: Self::PerThread = ThreadWord(WordOf::<K>::ZERO);
    const PAYS_IF_REGISTERED: bool = true;

    fn private(engine: &Engine<K>, _: Cpu, caller: Task<'_, K>) -> CpuSet<K> {
        let mut cpus = CpuSet::EMPTY;
        engine.machine.for_each_thread(caller.space, |thread| {
            // Relaxed: between the caller's two barriers (edges A and B).
            match u32::try_from(thread.design.0.load(Relaxed)) {
                Ok(0) | Err(_) => {}
                Ok(cpu) => cpus.add(Cpu(cpu - 1)),
            }
        });
        cpus
    }

    #[inline]
    fn agrees(cpu: Cpu, told: u64, occupant: Occupant<'_, K>) -> bool {
        told == token(occupant.accesses()) && occupant.thread().is_none_or(|thread| thread.design.is_on(cpu))
    }

    #[inline]
    fn occupy(
        engine: &Engine<K>,
        slot: &Slot<WordOf<K>>,
        cpu: Cpu,
        from: Occupant<'_, K>,
        to: Occupant<'_, K>,
        at: Around,
    ) {
        // Relaxed: nobody else reads this word.
        slot.own.told.store(token(to.accesses()), Relaxed);
        if let Some(thread) = to.thread() {
            // Relaxed: a barrier follows.
            thread.design.0.store(u64::from(cpu.0) + 1, Relaxed);
        }
        if wants_fences(from.accesses()) || wants_fences(to.accesses()) {
            // PAIRS(A): with SysEntry, for the one who enters: whoever looked
            // before has its stores seen here.
            // PAIRS(B): with SysExit, for the one who leaves: whoever looks
            // afterwards sees what was done here.
            engine.machine.fence(match (from.accesses(), to.accesses()) {
                (left @ Some(_), entered @ Some(_)) if is_same(left, entered) => Site::SameSwitch,
                (_, Some(_)) => at.after,
                (_, None) => at.before,
            });
        }
        Self::leave(from, to);
        engine.enter_user(cpu, from, to);
    }

    /// A thread whose word says another CPU is on that one, or will be found out
    /// there.
    fn forget(cpu: Cpu, from: Occupant<'_, K>, to: Occupant<'_, K>) {
        if from.thread().is_some_and(|thread| thread.design.is_on(cpu)) {
            Self::leave(from, to);
        }
    }
}

impl Threads {
    /// The thread of `from` is on no CPU. Behind the barrier.
    #[inline]
    fn leave<K: Kernel<Design = Self>>(from: Occupant<'_, K>, to: Occupant<'_, K>)
    where
        K::Machine: ThreadList<K>,
    {
        match (from.thread(), to.thread()) {
            // An exec: the thread stays where it is, in another list.
            (Some(left), Some(entered)) if core::ptr::eq(left, entered) => {}
            (Some(left), _) => left.design.0.store(0, Relaxed),
            (None, _) => {}
        }
    }
}
