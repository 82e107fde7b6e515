//! The CPU mask of the address space, without locks.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Edge, Targets};
use crate::cpus::{bit, group};
use crate::machine::{Machine, Word};
use crate::space::{AddressSpace, Occupant, is_same, wants_fences};
use crate::{CpuSet, Engine, Site};

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
pub struct Mask;

/// The CPUs that an address space is loaded on.
pub struct SpaceMask<W, const GROUPS: usize>([W; GROUPS]);

impl<W: Word, const GROUPS: usize> SpaceMask<W, GROUPS> {
    /// Loaded nowhere.
    pub(super) const NEW: Self = Self([const { W::ZERO }; GROUPS]);

    /// The CPUs in it. Behind the caller's entry barrier.
    #[inline]
    pub(super) fn read(&self) -> CpuSet<GROUPS> {
        let mut cpus = CpuSet::EMPTY;
        for (group, word) in self.0.iter().enumerate() {
            // Relaxed: between the caller's two barriers (edges A and B).
            cpus.add_word(group, word.load(Relaxed));
        }
        cpus
    }

    /// Whether this CPU put itself in. Only the CPU itself edits its bit.
    #[inline]
    pub(super) fn holds(&self, cpu: Cpu) -> bool {
        self.0.get(group(cpu)).is_some_and(|word| word.load(Relaxed) & bit(cpu) != 0)
    }

    /// Puts this CPU in.
    #[inline]
    pub(super) fn enter(&self, cpu: Cpu) {
        if let Some(word) = self.0.get(group(cpu)) {
            // Relaxed: a barrier follows.
            word.set(bit(cpu), Relaxed);
        }
    }

    /// Takes this CPU out.
    #[inline]
    fn leave(&self, cpu: Cpu) {
        if let Some(word) = self.0.get(group(cpu)) {
            // Relaxed: behind a barrier.
            word.clear(bit(cpu), Relaxed);
        }
    }
}

impl<M: Machine, const GROUPS: usize> Targets<M, GROUPS> for Mask {
    type PerSpace = SpaceMask<M::Word, GROUPS>;
    const PER_SPACE: Self::PerSpace = SpaceMask::NEW;
    type PerThread = ();
    const PER_THREAD: () = ();
    const CONDITIONAL: bool = true;

    #[inline]
    fn private(_: &Engine<M, Self, GROUPS>, space: &AddressSpace<M, Self, GROUPS>) -> CpuSet<GROUPS> {
        space.design.read()
    }

    #[inline]
    fn occupy(
        engine: &Engine<M, Self, GROUPS>,
        cpu: Cpu,
        from: Occupant<'_, M, Self, GROUPS>,
        to: Occupant<'_, M, Self, GROUPS>,
        _: Edge,
    ) {
        let (left, entered) = (from.space(), to.space());
        if is_same(left, entered) {
            // Loaded throughout, and poked throughout.
            return;
        }
        if let Some(space) = entered {
            space.design.enter(cpu);
        }
        if wants_fences(left) || wants_fences(entered) {
            // PAIRS(A): with SysEntry, for who enters: whoever did not find this
            // CPU in its mask has its stores seen here.
            // PAIRS(B): with SysExit, for who leaves: whoever no longer finds
            // this CPU in its mask sees what was done here.
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
}
