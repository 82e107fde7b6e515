//! Every CPU that is online.

use bonfire_abi::Cpu;

use super::{Edge, Targets};
use crate::machine::Machine;
use crate::space::{AddressSpace, Occupant};
use crate::{CpuSet, Engine};

/// Pokes every CPU that is online. Needs nothing of the scheduler: no hook on a
/// switch does anything, no registration pokes. The right first port, and right
/// for few CPUs; elsewhere any process may interrupt every other.
///
/// # What it owes
/// That a CPU serves its inbox before it runs a user thread after it came
/// online, and passes [`OffPre`](crate::Site::OffPre) after the last one before
/// it goes: the engine does both.
pub struct Everywhere;

impl<M: Machine, const GROUPS: usize> Targets<M, GROUPS> for Everywhere {
    type PerSpace = ();
    const PER_SPACE: () = ();
    type PerThread = ();
    const PER_THREAD: () = ();
    const CONDITIONAL: bool = false;
    const SKIPS: bool = false;

    fn private(engine: &Engine<M, Self, GROUPS>, _: &AddressSpace<M, Self, GROUPS>) -> CpuSet<GROUPS> {
        engine.online_cpus()
    }

    #[inline]
    fn occupy(
        _: &Engine<M, Self, GROUPS>,
        _: Cpu,
        _: Occupant<'_, M, Self, GROUPS>,
        _: Occupant<'_, M, Self, GROUPS>,
        _: Edge,
    ) {
    }
}
