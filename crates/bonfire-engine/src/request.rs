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
//!    larger than any generation: nobody waits for it, and nobody pokes it. A caller that
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

use crate::kernel::{Kernel, WordOf};
use crate::machine::{Machine, Woken, Word};
use crate::slot::{OFFLINE, Slot};
use crate::targets::Choose;
use crate::{CpuSet, Engine, Site};

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

impl Asked {
    /// A barrier and nothing else.
    pub(crate) const BARRIER: Self = Self(POKED);
    /// A barrier, and a core serialisation.
    pub(crate) const CORE_SYNC: Self = Self(POKED | CORE_SYNC);
    /// A barrier, and the restart of an rseq critical section.
    pub(crate) const RSEQ: Self = Self(POKED | RSEQ);
    /// A barrier, and that the CPU make itself a target of `GLOBAL_EXPEDITED`.
    pub(crate) const PUBLISH: Self = Self(POKED | PUBLISH);
}

impl<K: Kernel> Engine<K> {
    /// Makes every CPU of `targets` do what is `asked`, and returns when each has
    /// done it or is offline.
    ///
    /// The caller is pinned to `me`, which is not among them; it has passed its
    /// entry barrier before it chose them, and passes its exit barrier afterwards.
    #[inline]
    pub(crate) fn request(&self, me: Cpu, targets: &CpuSet<K>, asked: Asked) {
        if !targets.is_empty() {
            self.ask(me, targets, asked);
        }
    }

    /// The same, of somebody: not inlined into calls, most of which ask nobody.
    fn ask(&self, me: Cpu, targets: &CpuSet<K>, Asked(asked): Asked) {
        let mut to_poke: CpuSet<K> = CpuSet::EMPTY;
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
                self.wait_for(slot, me);
            }
        }
    }

    /// Waits until the CPU of `slot` has answered every request that stands in
    /// its word by now, serving this CPU's own inbox where nobody else would.
    fn wait_for(&self, slot: &Slot<WordOf<K>>, me: Cpu) {
        // A CPU beyond the capacity has no inbox: nobody asks it for anything.
        let nothing = WordOf::<K>::ZERO;
        let inbox = self.slot(me).map_or(&nothing, |mine| &mine.inbox.request);
        // Relaxed: a late look waits for one handler more than needed at most.
        let request = slot.inbox.request.load(Relaxed);
        let generation = (request >> FLAGS) + u64::from(request & FLAG_MASK != 0);
        while self.machine.wait_until(&slot.own.done, generation, inbox, POKED) == Woken::Inbox {
            self.serve(me);
        }
    }

    /// Takes what was asked of this CPU, does it, and answers.
    ///
    /// Interrupts are off: a generation must not be used twice.
    pub(crate) fn serve(&self, cpu: Cpu) {
        let Some(slot) = self.slot(cpu) else { return };
        let done = slot.own.done.load(Relaxed).wrapping_add(1);
        let asked = slot.inbox.request.swap((done & !OFFLINE) << FLAGS, Relaxed) & FLAG_MASK;
        // PAIRS(A), PAIRS(B): what ran here before the interrupt comes before
        // the answer, what runs here after it comes after the request. Neither
        // the delivery of an interrupt nor the return from one is a barrier.
        // PAIRS(R): a switch after this sees the intent of the registration that
        // asked; a switch before it is visible to whoever sees the gate open.
        self.machine.fence(Site::IpiMb);
        if asked & PUBLISH != 0 {
            K::Design::publish(slot);
        }
        if asked & CORE_SYNC != 0 {
            self.owe_core_sync(cpu, Site::IpiCoreSync);
        }
        if asked & RSEQ != 0 {
            self.restart_rseq();
        }
        // PAIRS(P): Release, so that a caller which waits for this answer and then passes
        // its exit barrier sees what was published above.
        slot.own.done.store(done, Release);
    }

    /// The CPU takes pokes again.
    pub(crate) fn open_inbox(&self, slot: &Slot<WordOf<K>>) {
        slot.own.done.store(slot.own.done.load(Relaxed) & !OFFLINE, Relaxed);
    }

    /// The CPU takes no more pokes, and nobody waits for it.
    pub(crate) fn close_inbox(&self, slot: &Slot<WordOf<K>>) {
        slot.own.done.store(slot.own.done.load(Relaxed) | OFFLINE, Relaxed);
    }
}
