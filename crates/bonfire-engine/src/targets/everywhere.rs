//! Every CPU that is online.

use bonfire_abi::Cpu;

use super::{Around, Choose};
use crate::kernel::{Kernel, WordOf};
use crate::slot::Slot;
use crate::space::{Occupant, Task};
use crate::{CpuSet, Design, Engine};

/// Pokes every CPU that is online. Needs nothing of the scheduler: no hook on a
/// switch does anything, no registration pokes. The right first port, and right
/// for few CPUs; elsewhere any process may interrupt every other.
///
/// # What it owes
/// That a CPU serves its inbox before it runs a user thread after it came
/// online, and passes [`OffPre`](crate::Site::OffPre) after the last one before
/// it goes: the engine does both.
///
/// # What it notices
/// A call from a CPU that never said that it is online. It believes no hook, so
/// no hook can mislead it.
pub struct Everywhere;

impl<K: Kernel> Choose<K> for Everywhere {
    const DESIGN: Design = Design::Everywhere;
    type PerSpace = ();
    const PER_SPACE: () = ();
    type PerThread = ();
    const PER_THREAD: () = ();
    const IS_TOLD: bool = false;
    const PAYS_IF_REGISTERED: bool = false;
    const SERIALISES_ON_SWITCH: bool = false;

    fn private(engine: &Engine<K>, _: Cpu, _: Task<'_, K>) -> CpuSet<K> {
        engine.online_cpus()
    }

    #[inline]
    fn runs(engine: &Engine<K>, _: Cpu, _: Task<'_, K>, cpu: Cpu) -> bool {
        engine.known_slot(cpu).is_some_and(Slot::is_online)
    }

    #[inline]
    fn occupy(_: &Engine<K>, _: &Slot<WordOf<K>>, _: Cpu, _: Occupant<'_, K>, _: Occupant<'_, K>, _: Around) {
    }
}
