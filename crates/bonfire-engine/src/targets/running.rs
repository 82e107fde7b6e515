//! CPUs that run the address space, by looking at each without a lock.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Edge, Targets};
use crate::machine::{Machine, Word};
use crate::space::{AddressSpace, Occupant, is_same, wants_fences};
use crate::state::Registered;
use crate::{CpuSet, Engine};

/// Looks at what occupies every CPU, without locks, and pokes those that run the
/// caller's address space: the conclusion of the 2017 thread, and the default.
///
/// # What it owes
/// For each CPU that is skipped, whatever the caller read:
/// - the *old* occupant: then the barrier after the store that published the new
///   one pairs with `SysEntry` (edge A), and the new one sees what the caller did
///   before the call;
/// - the *new* occupant: then the barrier before that store pairs with `SysExit`
///   (edge B), and the caller sees what the old one did.
///
/// Both barriers are paid only for address spaces that registered: the one
/// before by who leaves, the one after by who enters. Linux pays the first on
/// every switch. An occupant is an address, compared and never followed, and the
/// bit that makes it a target of `GLOBAL_EXPEDITED`, in one word: no torn pair.
/// The word is written on *every* entry of a user thread, also into an address
/// space that the CPU had only borrowed; Linux's shortcut there loses targets.
pub struct Running;

/// In an occupant: the address space registered for `GLOBAL_EXPEDITED`.
const GLOBAL: u64 = 1;
/// No user memory is being accessed.
const NOBODY: u64 = 0;

impl<M: Machine, const GROUPS: usize> Targets<M, GROUPS> for Running {
    type PerSpace = ();
    const PER_SPACE: () = ();
    type PerThread = ();
    const PER_THREAD: () = ();
    const CONDITIONAL: bool = true;
    const PUBLISHES: bool = true;

    #[inline]
    fn private(engine: &Engine<M, Self, GROUPS>, space: &AddressSpace<M, Self, GROUPS>) -> CpuSet<GROUPS> {
        let token = space.token();
        // Relaxed: between the caller's two barriers (edges A and B).
        engine.choose(|slot| slot.own.occupant.load(Relaxed) & !GLOBAL == token)
    }

    fn global(engine: &Engine<M, Self, GROUPS>) -> CpuSet<GROUPS> {
        // Relaxed: as above.
        engine.choose(|slot| slot.own.occupant.load(Relaxed) & GLOBAL != 0)
    }

    #[inline]
    fn occupy(
        engine: &Engine<M, Self, GROUPS>,
        cpu: Cpu,
        from: Occupant<'_, M, Self, GROUPS>,
        to: Occupant<'_, M, Self, GROUPS>,
        at: Edge,
    ) {
        let (left, entered) = (from.accesses(), to.accesses());
        if is_same(left, entered) {
            return;
        }
        let Some(slot) = engine.slot(cpu) else { return };
        if wants_fences(left) {
            // PAIRS(B): with SysExit. Who sees the CPU occupied by another, and
            // skips it, sees all that was done here before.
            engine.machine.fence(at.before);
        }
        // The stores are relaxed: between this barrier and the next.
        let occupant = &slot.own.occupant;
        let Some(space) = entered else { return occupant.store(NOBODY, Relaxed) };
        // Relaxed, in `read`. PAIRS(R): interrupts are off, so the poke of a
        // registration comes wholly before this hook, and its intent is seen, or
        // wholly after it.
        let registered = space.state.read();
        if !registered.wants_fences() {
            return occupant.store(space.token(), Relaxed);
        }
        occupant.store(published(space, registered), Relaxed);
        // PAIRS(A): with SysEntry. Who saw the CPU occupied by another, and
        // skipped it, has its stores seen by all that is done here.
        engine.machine.fence(at.after);
        engine.enter_user(cpu, from, to);
    }

    fn publish(engine: &Engine<M, Self, GROUPS>, cpu: Cpu, occupant: Occupant<'_, M, Self, GROUPS>) {
        if let (Some(slot), Some(space)) = (engine.slot(cpu), occupant.accesses()) {
            // PAIRS(P): ordered before `done` by its release.
            slot.own.occupant.store(published(space, space.state.read()), Relaxed);
        }
    }
}

/// The word that says that `space` occupies a CPU.
#[inline]
fn published<M: Machine, const GROUPS: usize>(
    space: &AddressSpace<M, Running, GROUPS>,
    registered: Registered,
) -> u64 {
    if registered.is_global() { space.token() | GLOBAL } else { space.token() }
}
