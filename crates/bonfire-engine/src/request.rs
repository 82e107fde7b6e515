//! Requests: how a caller makes other CPUs pass a barrier, and knows that they
//! did.
//!
//! Every CPU has one request word and one done word. A request is a
//! *generation* and a set of flags; an answer is a generation.
//!
//! ```text
//! caller                                    target, in serve(), interrupts off
//!   fence(SysEntry)
//!   old = request.fetch_or(POKED | what)      flags = request.swap(generation + 1)
//!   if !(old & POKED): poke                   fence(IpiMb), and what else was asked for
//!   wait until done >= generation of it       done = generation + 1
//!   fence(SysExit)
//! ```
//!
//! Why it holds:
//! 1. *No lost wake-up.* The flag and the generation share a word. An OR comes
//!    before the swap, and then its flags are taken and `done` will pass it; or
//!    after, and then it found `POKED` clear, and pokes.
//! 2. *No lost flavour.* One swap takes all flags and opens the next generation.
//! 3. *A barrier.* `SysEntry`, the OR, the swap that reads it, `IpiMb`, `done`,
//!    the wait that reads it, `SysExit`: each step is a read-from between full
//!    barriers, so the words need no order of their own.
//! 4. *No counting.* Callers of one generation OR the same flags and wait for
//!    the same number; nothing can be acknowledged twice, or for somebody else.
//! 5. *Offline.* The top bit of `done` says that the CPU is offline, which is
//!    larger than any generation: nobody waits for it, and nobody pokes it. Who
//!    reads it after `SysEntry` knows that every user access of that CPU is
//!    behind [`Site::OffPre`] or ahead of the serve with which it comes online.
//!
//! So at most one interrupt is undelivered for each CPU however many threads
//! call (a second only where the CPU served without taking the first: when it
//! comes online, and in a wait with interrupts off), and a caller waits for the
//! CPUs it asked and for no others. The words are relaxed but for one release,
//! which edge P needs.

use core::sync::atomic::Ordering::{Relaxed, Release};

use bonfire_abi::Cpu;

use crate::core_sync::Settle;
use crate::cpus::{bit, group};
use crate::machine::{Machine, Woken, Word};
use crate::space::Occupant;
use crate::targets::Targets;
use crate::{CpuSet, Engine, Site};

/// What the engine keeps of a CPU: 128 bytes.
pub(crate) struct Slot<W> {
    inbox: Inbox<W>,
    pub(crate) own: Own<W>,
}

/// The cache line that callers write.
#[repr(align(64))]
struct Inbox<W> {
    /// A generation, shifted by [`FLAGS`], and the flags.
    request: W,
}

/// The cache line that only the CPU itself writes.
#[repr(align(64))]
pub(crate) struct Own<W> {
    /// The last generation answered; the top bit while the CPU is offline.
    done: W,
    /// What occupies the CPU, where a design publishes it.
    pub(crate) occupant: W,
    /// Not 0 if a core serialisation is owed before user mode.
    owed: W,
}

/// What a request asks for beyond a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked(u64);

/// A poke is on its way.
const POKED: u64 = 1 << 0;
const CORE_SYNC: u64 = 1 << 1;
const RSEQ: u64 = 1 << 2;
const PUBLISH: u64 = 1 << 3;
/// How many bits of a request are flags.
const FLAGS: u32 = 4;
const FLAG_MASK: u64 = (1 << FLAGS) - 1;
/// The top bit of `done`.
const OFFLINE: u64 = 1 << 63;

impl Asked {
    /// A barrier and nothing else.
    pub(crate) const BARRIER: Self = Self(POKED);
    /// A barrier, and a core serialisation.
    pub(crate) const CORE_SYNC: Self = Self(POKED | CORE_SYNC);
    /// A barrier, and the restart of an rseq critical section.
    pub(crate) const RSEQ: Self = Self(POKED | RSEQ);
    /// A barrier, and that the CPU publish again what occupies it.
    pub(crate) const PUBLISH: Self = Self(POKED | PUBLISH);
}

impl<W: Word> Slot<W> {
    /// A CPU that has never been online.
    pub(crate) const NEW: Self = Self {
        inbox: Inbox { request: W::ZERO },
        own: Own { done: W::TOP_BIT, occupant: W::ZERO, owed: W::ZERO },
    };

    /// What the word at this address is called, if it is one of these.
    fn name_at(&self, address: usize) -> Option<&'static str> {
        let Self { inbox: Inbox { request }, own: Own { done, occupant, owed } } = self;
        let words = [(request, "request"), (done, "done"), (occupant, "occupant"), (owed, "owed")];
        let is_there = |(word, _): &(&W, _)| core::ptr::from_ref(*word).addr() == address;
        words.into_iter().find(is_there).map(|(_, name)| name)
    }

    /// Whether the CPU is online.
    pub(crate) fn is_online(&self) -> bool {
        self.own.done.load(Relaxed) & OFFLINE == 0
    }
}

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Engine<M, T, GROUPS> {
    /// Makes every CPU of `targets` but this one do what is `asked`, and returns
    /// when each has done it or is offline.
    ///
    /// The caller is pinned to `me`, has passed its entry barrier before it chose
    /// the targets, and passes its exit barrier afterwards.
    pub(crate) fn request(
        &self,
        me: Cpu,
        occupant: Occupant<'_, M, T, GROUPS>,
        mut targets: CpuSet<GROUPS>,
        Asked(asked): Asked,
    ) {
        targets.remove(me);
        let mut to_poke: CpuSet<GROUPS> = CpuSet::EMPTY;
        for cpu in targets.iter() {
            let Some(slot) = self.slot(cpu) else { continue };
            // Relaxed: read after the entry barrier. A request that asks for all
            // this and is not yet taken will be taken by a swap that is followed
            // by IpiMb; asking again would only move the line.
            if slot.inbox.request.load(Relaxed) & asked == asked {
                continue;
            }
            // Relaxed: the swap in `serve` reads this, and both sides have a
            // full barrier (edges A and B).
            if slot.inbox.request.fetch_or(asked, Relaxed) & POKED == 0 {
                to_poke.add(cpu);
            }
        }
        if !to_poke.is_empty() {
            self.machine.poke(&to_poke);
        }
        for cpu in targets.iter() {
            if let Some(slot) = self.slot(cpu) {
                self.wait_for(slot, me, occupant);
            }
        }
    }

    /// Waits until the CPU of `slot` has answered every request that stands in
    /// its word by now, serving this CPU's own inbox where nobody else would.
    fn wait_for(&self, slot: &Slot<M::Word>, me: Cpu, occupant: Occupant<'_, M, T, GROUPS>) {
        let Some(mine) = self.slot(me) else { return };
        // Relaxed: a late look waits for one handler more than needed at most.
        let request = slot.inbox.request.load(Relaxed);
        let generation = (request >> FLAGS) + u64::from(request & FLAG_MASK != 0);
        while self.machine.wait_until(&slot.own.done, generation, &mine.inbox.request, POKED) == Woken::Inbox
        {
            self.serve(me, occupant);
        }
    }

    /// Takes what was asked of this CPU, does it, and answers.
    ///
    /// Interrupts are off: a generation must not be used twice.
    pub(crate) fn serve(&self, cpu: Cpu, occupant: Occupant<'_, M, T, GROUPS>) {
        let Some(slot) = self.slot(cpu) else { return };
        let done = slot.own.done.load(Relaxed).wrapping_add(1);
        let asked = slot.inbox.request.swap((done & !OFFLINE) << FLAGS, Relaxed) & FLAG_MASK;
        // PAIRS(A), PAIRS(B): what ran here before the interrupt comes before
        // the answer, what runs here after it comes after the request. Neither
        // the delivery of an interrupt nor the return from one is a barrier.
        // PAIRS(R): a switch after this sees the intent of the registration that
        // asked; a switch before it is visible to who sees the gate open.
        self.machine.fence(Site::IpiMb);
        if asked & PUBLISH != 0 {
            T::publish(self, cpu, occupant);
        }
        if asked & CORE_SYNC != 0 {
            self.owe_core_sync(cpu, Site::IpiCoreSync);
        }
        if asked & RSEQ != 0 {
            self.restart_rseq();
        }
        // PAIRS(P): Release, so that who waits for this answer and then passes
        // its exit barrier sees the occupant that was published above.
        slot.own.done.store(done, Release);
    }

    /// The CPU takes pokes again.
    pub(crate) fn open_inbox(&self, slot: &Slot<M::Word>) {
        slot.own.done.store(slot.own.done.load(Relaxed) & !OFFLINE, Relaxed);
    }

    /// The CPU takes no more pokes, and nobody waits for it.
    pub(crate) fn close_inbox(&self, slot: &Slot<M::Word>) {
        slot.own.done.store(slot.own.done.load(Relaxed) | OFFLINE, Relaxed);
    }

    /// A core serialisation is owed here: now, or before user mode.
    ///
    /// Interrupts are off.
    #[inline]
    pub(crate) fn owe_core_sync(&self, cpu: Cpu, site: Site) {
        let Some(core) = M::CORE_SYNC else { return };
        if !core.row.owes(site) {
            return;
        }
        match (core.settle, self.slot(cpu)) {
            (Settle::BeforeUser, Some(slot)) => slot.own.owed.store(1, Relaxed),
            _ => (core.sync)(&self.machine, site),
        }
    }

    /// Whether a core serialisation was put off on this CPU; it is not, from now
    /// on.
    ///
    /// Interrupts are off.
    #[inline]
    pub(crate) fn take_owed(&self, cpu: Cpu) -> bool {
        let Some(slot) = self.slot(cpu) else { return false };
        let owed = slot.own.owed.load(Relaxed) != 0;
        if owed {
            slot.own.owed.store(0, Relaxed);
        }
        owed
    }

    /// Restarts the rseq critical section that was interrupted here, if any.
    ///
    /// Interrupts are off.
    pub(crate) fn restart_rseq(&self) {
        if let Some(restart) = M::RESTART_RSEQ {
            restart(&self.machine);
        }
    }

    /// What the engine keeps of `cpu`; `None` beyond its capacity.
    #[inline]
    pub(crate) fn slot(&self, cpu: Cpu) -> Option<&Slot<M::Word>> {
        self.slots.get(group(cpu))?.get((cpu.0 % 64) as usize)
    }

    /// What the word at this address is, if the engine keeps it of a CPU: of
    /// which, and its name. For debuggers, reports of lock-ups, and models.
    ///
    /// The names are `request`, `done`, `occupant` and `owed`.
    #[must_use]
    pub fn word_at(&self, address: usize) -> Option<(Cpu, &'static str)> {
        let slots = (0u32..).zip(self.slots.iter().flatten());
        slots.into_iter().find_map(|(cpu, slot)| Some((Cpu(cpu), slot.name_at(address)?)))
    }

    /// The CPUs whose slot is `picked`, of all there may ever be.
    #[inline]
    pub(crate) fn choose(&self, picked: impl Fn(&Slot<M::Word>) -> bool) -> CpuSet<GROUPS> {
        let mut chosen = CpuSet::EMPTY;
        let mut left = self.machine.cpus();
        for (group, slots) in self.slots.iter().enumerate() {
            let mut bits = 0;
            for (cpu, slot) in (0u32..).zip(slots.iter().take(left)) {
                if picked(slot) {
                    bits |= bit(Cpu(cpu));
                }
            }
            chosen.add_word(group, bits);
            left = left.saturating_sub(64);
            if left == 0 {
                break;
            }
        }
        chosen
    }

    /// The CPUs that are online.
    pub(crate) fn online_cpus(&self) -> CpuSet<GROUPS> {
        self.choose(Slot::is_online)
    }
}
