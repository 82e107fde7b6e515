//! CPUs that run the address space, by looking at each without a lock.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use super::{Around, Choose};
use crate::kernel::{Kernel, WordOf};
use crate::machine::{Machine, Word};
use crate::slot::{EVERY_PART, Slot};
use crate::space::{AddressSpace, Occupant, Task, is_same, wants_fences};
use crate::state::Registered;
use crate::told::{GLOBAL, NOBODY};
use crate::{CpuSet, Design, Engine, Users};

/// Looks at what occupies every CPU that its process may be on, without locks, and
/// pokes those that run it: the conclusion of the 2017 thread, and the default.
///
/// Which CPUs to look at, the address space says by one word: see [`Visited`].
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
/// before by the one that leaves, the one after by the one that enters. Linux pays the first on
/// every switch. An occupant is an address, compared and never followed, and the
/// bit that makes it a target of `GLOBAL_EXPEDITED`, in one word: no torn pair.
/// The word is written on *every* entry of a user thread, also into an address
/// space that the CPU had only borrowed; Linux's shortcut there loses targets.
///
/// # What it notices
/// A thread that leaves a CPU, or calls from one, of which another was told: so
/// every forgotten hook, at the next hook or call on that CPU.
pub struct Running;

/// The parts of the machine that an address space has been in since it registered:
/// a bit for each 64th part of the engine's capacity, never taken out again.
///
/// A call looks at the CPUs of these parts and at no others, which is all of its
/// work on a large machine whose process is in a corner of it. An address space
/// that has been everywhere is looked for everywhere.
///
/// # Invariants
/// Once a gate of the address space is open, each CPU that it occupies is in one of
/// these parts. A hook that reads the intent to register sees to its own CPU; for
/// what entered before, the registration looks at every CPU when each has answered.
pub struct Visited<W>(W);

impl<W: Word> Visited<W> {
    /// Nowhere.
    const NEW: Self = Self(W::ZERO);

    /// Adds a part.
    #[inline]
    fn add(&self, part: u32) {
        // Relaxed: bits only come, and whoever read this one and went on has passed a
        // barrier behind it that is as good as that of the CPU which set it.
        if self.0.load(Relaxed) >> part & 1 == 0 {
            // Relaxed: a barrier follows, or the release with which a gate opens.
            // Rotated, since a shift would move out of here, into every switch.
            self.0.set(1_u64.rotate_left(part), Relaxed);
        }
    }
}

impl<K: Kernel<Design = Self>> Choose<K> for Running {
    const DESIGN: Design = Design::Running;
    type PerSpace = Visited<WordOf<K>>;
    const PER_SPACE: Self::PerSpace = Visited::NEW;
    type PerThread = ();
    const PER_THREAD: () = ();
    const PAYS_IF_REGISTERED: bool = true;
    const PUBLISHES_GLOBAL: bool = true;

    #[inline]
    fn private(engine: &Engine<K>, me: Cpu, caller: Task<'_, K>) -> CpuSet<K> {
        let token = caller.space.token();
        // Relaxed: between the caller's two barriers (edges A and B).
        let parts = engine.parts_beside(me, caller.space.design.0.load(Relaxed));
        engine.choose(parts, |slot| slot.own.told.load(Relaxed) & !GLOBAL == token)
    }

    #[inline]
    fn runs(engine: &Engine<K>, _: Cpu, caller: Task<'_, K>, cpu: Cpu) -> bool {
        let token = caller.space.token();
        // Relaxed: as above.
        engine.known_slot(cpu).is_some_and(|slot| slot.own.told.load(Relaxed) & !GLOBAL == token)
    }

    fn global(engine: &Engine<K>) -> CpuSet<K> {
        // Relaxed: as above.
        engine.choose(EVERY_PART, |slot| slot.own.told.load(Relaxed) & GLOBAL != 0)
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
        let (left, entered) = (from.accesses(), to.accesses());
        // Whether both are one is asked behind this, since most have not registered; for
        // those, the word is written again.
        if wants_fences(left) {
            if is_same(left, entered) {
                return;
            }
            // PAIRS(B): with SysExit. A caller that sees the CPU occupied by another, and
            // skips it, sees all that was done here before.
            engine.machine.fence(at.before);
        }
        // The stores are relaxed: between this barrier and the next.
        let told = &slot.own.told;
        let Some(space) = entered else { return told.store(NOBODY, Relaxed) };
        // Relaxed, in `read`. PAIRS(R): interrupts are off, so the poke of a
        // registration comes wholly before this hook, and its intent is seen, or
        // wholly after it.
        let registered = space.state.read();
        if !registered.wants_fences() {
            return told.store(space.token(), Relaxed);
        }
        space.design.add(engine.part(cpu));
        told.store(published(space, registered), Relaxed);
        // PAIRS(A): with SysEntry. A caller that saw the CPU occupied by another, or did
        // not look at its part, and skipped it, has its stores seen by all that is done
        // here.
        engine.machine.fence(at.after);
        engine.enter_user(cpu, from, to);
    }

    /// Behind `RegExit`, and so behind what every CPU published before it answered:
    /// whoever enters later reads the intent.
    fn registered(engine: &Engine<K>, me: Cpu, space: &AddressSpace<K>, users: Users) {
        if users == Users::Sole {
            return space.design.add(engine.part(me));
        }
        let token = space.token();
        // Relaxed: as above.
        let found = engine.choose(EVERY_PART, |slot| slot.own.told.load(Relaxed) & !GLOBAL == token);
        found.iter().for_each(|cpu| space.design.add(engine.part(cpu)));
    }

    /// Whoever runs here: the handler cannot ask. Too many CPUs are targets until
    /// they switch, and none too few.
    fn publish(slot: &Slot<WordOf<K>>) {
        // Relaxed: nobody else writes this word.
        let told = slot.own.told.load(Relaxed);
        if told > NOBODY {
            // PAIRS(P): ordered before `done` by its release.
            slot.own.told.store(told | GLOBAL, Relaxed);
        }
    }
}

/// The word that says that `space` occupies a CPU.
#[inline]
fn published<K: Kernel>(space: &AddressSpace<K>, registered: Registered) -> u64 {
    if registered.is_global() { space.token() | GLOBAL } else { space.token() }
}
