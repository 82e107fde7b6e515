//! The CPU mask of the address space, without locks.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Around, Choose, token};
use crate::cpus::{bit, group};
use crate::kernel::sealed::Array as _;
use crate::kernel::{Kernel, WordOf, Words};
use crate::machine::{Machine, Word};
use crate::slot::Slot;
use crate::space::{Occupant, Task, is_same, wants_fences};
use crate::{CpuSet, Design, Engine, Site};

/// Reads the mask of CPUs that the caller's page tables are loaded on, without
/// locks, and pokes them: x86 as the 2017 thread discusses it.
///
/// A caller reads one word for 64 CPUs instead of 64 cache lines, and a kernel
/// thread that borrows the address space stays in its mask: coming and going
/// costs nothing, and the CPU is poked for nothing meanwhile. `GLOBAL_EXPEDITED`
/// pokes every online CPU.
///
/// # What it owes
/// The mask is a superset at every moment that counts: a CPU is in it before its
/// first access and until after its last. On a change from one address space to
/// another *one* full barrier between entering the one mask and leaving the
/// other does both.
///
/// # What it notices
/// Page tables that a CPU goes away from, or that a call comes from, of which
/// it was not told. An exit, and a kernel thread on page tables that stay
/// loaded, change nothing here, and may be told or not.
pub struct Mask;

/// The CPUs that an address space is loaded on.
pub struct SpaceMask<K: Kernel>(Words<K>);

impl<K: Kernel> SpaceMask<K> {
    /// Loaded nowhere.
    pub(super) const NEW: Self = Self(Words::<K>::NEW);

    /// The CPUs in it. Behind the caller's entry barrier.
    #[inline]
    pub(super) fn read(&self) -> CpuSet<K> {
        let mut cpus = CpuSet::EMPTY;
        for (group, word) in self.0.all().iter().enumerate() {
            // Relaxed: between the caller's two barriers (edges A and B).
            cpus.add_word(group, word.load(Relaxed));
        }
        cpus
    }

    /// Whether this CPU put itself in. Only the CPU itself edits its bit.
    #[inline]
    pub(super) fn holds(&self, cpu: Cpu) -> bool {
        self.0.all().get(group(cpu)).is_some_and(|word| word.load(Relaxed) & bit(cpu) != 0)
    }

    /// Puts this CPU in.
    #[inline]
    pub(super) fn enter(&self, cpu: Cpu) {
        if let Some(word) = self.0.all().get(group(cpu)) {
            // Relaxed: a barrier follows.
            word.set(bit(cpu), Relaxed);
        }
    }

    /// Takes this CPU out.
    #[inline]
    fn leave(&self, cpu: Cpu) {
        if let Some(word) = self.0.all().get(group(cpu)) {
            // Relaxed: behind a barrier.
            word.clear(bit(cpu), Relaxed);
        }
    }
}

impl<K: Kernel<Design = Self>> Choose<K> for Mask {
    const DESIGN: Design = Design::Mask;
    type PerSpace = SpaceMask<K>;
    const PER_SPACE: SpaceMask<K> = SpaceMask::NEW;
    type PerThread = ();
    const PER_THREAD: () = ();
    const PAYS_IF_REGISTERED: bool = true;

    #[inline]
    fn private(_: &Engine<K>, _: Cpu, caller: Task<'_, K>) -> CpuSet<K> {
        caller.space.design.read()
    }

    /// What is loaded counts here, not what is accessed.
    #[inline]
    fn agrees(_: Cpu, told: u64, occupant: Occupant<'_, K>) -> bool {
        told == token(occupant.space())
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
        let (left, entered) = (from.space(), to.space());
        if is_same(left, entered) {
            // Loaded throughout, and poked throughout.
            return;
        }
        // Relaxed: nobody else reads this word.
        slot.own.told.store(token(entered), Relaxed);
        if let Some(space) = entered {
            space.design.enter(cpu);
        }
        if wants_fences(left) || wants_fences(entered) {
            // PAIRS(A): with SysEntry, for the one who enters: whoever did not
            // find this CPU in its mask has its stores seen here.
            // PAIRS(B): with SysExit, for the one who leaves: whoever no longer
            // finds this CPU in its mask sees what was done here.
            engine.machine.fence(match (left, entered) {
                (Some(_), Some(_)) => Site::MaskSwitch,
                (None, _) => Site::MaskSet,
                (Some(_), None) => Site::MaskClear,
            });
        }
        if let Some(space) = left {
            space.design.leave(cpu);
        }
        engine.enter_user(cpu, from, to);
    }

    fn forget(cpu: Cpu, from: Occupant<'_, K>, to: Occupant<'_, K>) {
        if let Some(space) = from.space().filter(|_| !is_same(from.space(), to.space())) {
            space.design.leave(cpu);
        }
    }
}
