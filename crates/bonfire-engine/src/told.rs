//! What the engine was told of each CPU, and what it does where that is not so.
//!
//! A CPU that is not asked for a barrier is one of which the engine believes that
//! it runs somebody else. It believes what the hooks told it, and a hook that a
//! kernel forgets must make a call slow, never empty. So each CPU keeps, on its
//! own cache line, what the last hook told, and two rules say when not to believe
//! it:
//!
//! 1. *Of a CPU that came online nothing is known*, until
//!    [`switch`](Engine::switch) first says what it runs. Other hooks change what
//!    was said before, and say nothing of a CPU that is unknown.
//! 2. *Whoever leaves or calls must be where the last hook said.* The one that leaves
//!    in a hook, and the one that makes a call, is compared with what was told of
//!    this CPU. A mismatch is counted, and from then on the CPU is not believed.
//!
//! A CPU that is unknown, or not believed, is *doubted*: one bit in a set that
//! every call reads. Each call asks it, whatever its design chose. A call whose
//! own caller is not where the hooks said asks every CPU that is online.
//!
//! What a CPU is told is one word: the address of an address space, which is
//! compared and never followed, or one of the constants below.

use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::Cpu;

use crate::cpus::{bit, group};
use crate::kernel::sealed::Array as _;
use crate::kernel::{Kernel, WordOf, Words};
use crate::machine::{Machine, Word};
use crate::slot::Slot;
use crate::space::{AddressSpace, Occupant, Task, Thread};
use crate::targets::{Around, Choose};
use crate::{CpuSet, Engine, Site};

/// Nothing is known of the CPU.
pub(crate) const UNKNOWN: u64 = 0;
/// The CPU is occupied by the kernel alone.
pub(crate) const NOBODY: u64 = 2;
/// Added to an address space: its CPU is a target of `GLOBAL_EXPEDITED`.
pub(crate) const GLOBAL: u64 = 1;

/// The CPUs that every call asks, on a cache line that is hardly ever written.
#[repr(align(64))]
pub(crate) struct Doubted<K: Kernel>(pub(crate) Words<K>);

/// A hook by which the occupant of a CPU changes.
pub(crate) trait Hook: Copy {
    /// Whether it says all: what leaves, and what enters. The others change what
    /// was said before.
    const SAYS_ALL: bool;

    /// The names of its barriers.
    fn around<K: Kernel>(self, from: Occupant<'_, K>) -> Around;
}

/// The switch.
#[derive(Clone, Copy)]
pub(crate) struct Switch;

impl Hook for Switch {
    const SAYS_ALL: bool = true;

    #[inline]
    fn around<K: Kernel>(self, from: Occupant<'_, K>) -> Around {
        let after = match from {
            Occupant::User(_) => Site::SwitchMm,
            Occupant::Borrower(_) | Occupant::Kernel => Site::MmDrop,
        };
        Around { before: Site::SchedBefore, after }
    }
}

/// Each of the others has one name for both: only one of the two accesses user
/// memory.
impl Hook for Site {
    const SAYS_ALL: bool = false;

    #[inline]
    fn around<K: Kernel>(self, _: Occupant<'_, K>) -> Around {
        Around { before: self, after: self }
    }
}

impl<K: Kernel> Engine<K> {
    /// How often a hook or a call found that this kernel's hooks had not told the
    /// truth, on all CPUs together. 0, for ever, in a kernel whose hooks are
    /// right; anything else is a fault of the kernel, and makes calls slow.
    ///
    /// What is noticed is said at each design, and what is not in
    /// `docs/porting.md`.
    #[must_use]
    pub fn mismatches(&self) -> u64 {
        let slots = self.slots.all().iter().flatten();
        slots.map(|slot| slot.own.mismatches.load(Relaxed)).fold(0, u64::saturating_add)
    }

    /// The occupant of `cpu` changes: what every hook but the online and offline
    /// ones comes to. Interrupts are off.
    #[inline]
    pub(crate) fn change(&self, cpu: Cpu, from: Occupant<'_, K>, to: Occupant<'_, K>, hook: impl Hook) {
        if !K::Design::IS_TOLD {
            return;
        }
        let Some(slot) = self.slot(cpu) else { return };
        // Relaxed: nobody else writes this word.
        if K::Design::agrees(cpu, slot.own.told.load(Relaxed), from) {
            K::Design::occupy(self, slot, cpu, from, to, hook.around(from));
        } else {
            // In parts, which fit into registers: so the way above stays short.
            self.change_untold(cpu, from.space(), to.space(), from.thread(), to.thread(), hook);
        }
    }

    /// The same where `from` is not what was told: nothing was, or another.
    #[cold]
    fn change_untold<H: Hook>(
        &self,
        cpu: Cpu,
        from: Option<&AddressSpace<K>>,
        to: Option<&AddressSpace<K>>,
        from_thread: Option<&Thread<K>>,
        to_thread: Option<&Thread<K>>,
        hook: H,
    ) {
        let Some(slot) = self.slot(cpu) else { return };
        let (from, to) = (Occupant::of(from, from_thread), Occupant::of(to, to_thread));
        let is_unknown = slot.own.told.load(Relaxed) == UNKNOWN;
        match (is_unknown, slot.is_online()) {
            (true, true) if !H::SAYS_ALL => return,
            (true, true) => {}
            // Nobody may run here, and nobody does.
            (true, false) if to.accesses().is_none() => return,
            _ => self.mismatch(cpu),
        }
        // PAIRS(A): with SysEntry. A caller that did not find this CPU doubted has its
        // stores seen here from now on.
        // PAIRS(B): with SysExit. A caller that finds this CPU believed, or told of somebody
        // else, sees what was done here by whoever it was.
        self.machine.fence(Site::Untold);
        if K::Design::agrees(cpu, NOBODY, to) {
            slot.own.told.store(NOBODY, Relaxed);
        } else {
            // As from a kernel thread: what any design owes to the one who enters.
            K::Design::occupy(self, slot, cpu, Occupant::Kernel, to, hook.around(from));
        }
        K::Design::forget(cpu, from, to);
        if to.accesses().is_some() {
            // PAIRS(S): nobody knows which page tables were loaded.
            self.owe_core_sync(cpu, Site::RetCoreSync);
        }
        self.believe(slot, cpu);
        // PAIRS(A), PAIRS(B): as above. Nothing needs this one too; it keeps what
        // follows apart from all this, and the proof small.
        self.machine.fence(Site::Untold);
    }

    /// Nothing is known of a CPU that comes online, as of one that is offline;
    /// but from now on it must be asked.
    pub(crate) fn is_unknown(&self, cpu: Cpu) {
        if K::Design::IS_TOLD {
            self.doubt(cpu);
        }
    }

    /// The caller of a barrier or of a registration is not where the hooks said:
    /// the call asks everybody, and this CPU is not believed any more. Pinned.
    #[cold]
    pub(crate) fn is_misplaced(&self, me: Cpu) -> CpuSet<K> {
        self.machine.without_interrupts(|| self.mismatch(me));
        self.online_cpus()
    }

    /// Nothing is known of a CPU that is offline, and nobody need ask it.
    pub(crate) fn is_of_no_account(&self, slot: &Slot<WordOf<K>>, cpu: Cpu) {
        if !K::Design::IS_TOLD {
            return;
        }
        // Relaxed: nobody else writes this word.
        if slot.own.told.load(Relaxed) == UNKNOWN {
            self.believe(slot, cpu);
        } else {
            slot.own.told.store(UNKNOWN, Relaxed);
        }
    }

    /// Whether the hooks said that `caller` is on this CPU; where none is listened
    /// to, that anybody is. Pinned.
    #[inline]
    pub(crate) fn is_placed(&self, me: Cpu, caller: Task<'_, K>) -> bool {
        let Some(slot) = self.slot(me) else { return false };
        if K::Design::IS_TOLD {
            // Relaxed: nobody else writes this word.
            K::Design::agrees(me, slot.own.told.load(Relaxed), Occupant::User(caller))
        } else {
            slot.is_online()
        }
    }

    /// What was told of this CPU is not so. Interrupts are off.
    ///
    /// A CPU that runs user threads and never said that it is online comes online
    /// now: late is better than never asked.
    fn mismatch(&self, cpu: Cpu) {
        let Some(slot) = self.known_slot(cpu) else { return };
        let mismatches = &slot.own.mismatches;
        // Relaxed: nobody else writes this word.
        mismatches.store(mismatches.load(Relaxed).saturating_add(1), Relaxed);
        self.doubt(cpu);
        if !slot.is_online() {
            self.open_inbox(slot);
            self.serve(cpu);
        }
    }

    /// Every call asks this CPU from now on.
    fn doubt(&self, cpu: Cpu) {
        if let Some(word) = self.doubted.0.all().get(group(cpu)) {
            // Relaxed: a barrier follows.
            word.set(bit(cpu), Relaxed);
        }
    }

    /// What was told of this CPU can be believed again, unless it ever could not.
    pub(crate) fn believe(&self, slot: &Slot<WordOf<K>>, cpu: Cpu) {
        if slot.own.mismatches.load(Relaxed) != 0 {
            return;
        }
        if let Some(word) = self.doubted.0.all().get(group(cpu)) {
            // Relaxed: behind a barrier.
            word.clear(bit(cpu), Relaxed);
        }
    }

    /// The CPUs of `targets`, and those others that are doubted.
    #[inline]
    pub(crate) fn and_the_doubted(&self, me: Cpu, targets: CpuSet<K>) -> CpuSet<K> {
        if !K::Design::IS_TOLD {
            return targets;
        }
        let mut doubted = CpuSet::EMPTY;
        for (group, word) in self.doubted.0.all().iter().enumerate() {
            // Relaxed: between the caller's two barriers (edges A and B).
            doubted.add_word(group, word.load(Relaxed));
        }
        if doubted.is_empty() { targets } else { self.and_of_these_the_online(me, targets, doubted) }
    }

    #[cold]
    fn and_of_these_the_online(&self, me: Cpu, mut targets: CpuSet<K>, mut doubted: CpuSet<K>) -> CpuSet<K> {
        doubted.remove(me);
        for cpu in doubted.iter().filter(|&cpu| self.slot(cpu).is_some_and(Slot::is_online)) {
            targets.add(cpu);
        }
        targets
    }
}

impl<K: Kernel> Doubted<K> {
    /// None is.
    pub(crate) const NONE: Self = Self(Words::<K>::NEW);
}
