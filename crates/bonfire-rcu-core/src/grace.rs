//! The updater's side: grace periods, and how they are shared.
//!
//! A grace period is over when every section has been left that was open when it began.
//! It takes a number, which readers that come later take over as their epoch; one heavy
//! fence; and a look at each record until it says that number or a later one.
//!
//! Updaters stand in a line: a word that each joins in one step, and from which each grace
//! period takes its number in one step. Whoever joined before a grace period took its
//! number shares it, and it is not older than what the updater unpublished. Any of them
//! may run it, under a lock; it may also be begun by one and ended by another.

use crate::{Lock, Machine, Record, Roster, Site, Table, Word};

/// The grace periods of one domain.
pub struct Grace<M: Machine> {
    readers: Epoch<M>,
    updaters: Updaters<M>,
}

/// What readers read. Written once in a grace period.
#[repr(align(128))]
struct Epoch<M: Machine>(M::Word);

#[repr(align(128))]
struct Updaters<M: Machine> {
    /// The number of the grace period that began last.
    line: M::Word,
    /// The number of the one that was over last.
    done: M::Word,
    /// Held by whoever begins or ends one. So one at a time is under way.
    lock: M::Lock,
}

/// A grace period to wait for: one that began behind what its holder unpublished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl<M: Machine> Default for Grace<M> {
    fn default() -> Self {
        Self::NEW
    }
}

impl<M: Machine> Grace<M> {
    /// No grace period yet.
    pub const NEW: Self = Self {
        readers: Epoch(M::Word::ZERO),
        updaters: Updaters { line: M::Word::ZERO, done: M::Word::ZERO, lock: M::Lock::FREE },
    };

    /// The words, with their names; for a model.
    pub fn words(&self) -> [(&'static str, &M::Word); 3] {
        let Self { readers: Epoch(epoch), updaters } = self;
        [("epoch", epoch), ("line", &updaters.line), ("done", &updaters.done)]
    }

    /// The lock of whoever begins or ends a grace period; for a machine on which its holder
    /// can be gone. Whoever frees it then makes a heavy fence: the one of a grace period that
    /// was begun may be missing.
    pub fn lock(&self) -> &M::Lock {
        &self.updaters.lock
    }

    /// The epoch that a reader takes.
    #[inline(always)]
    pub(crate) fn epoch(&self) -> u64 {
        self.readers.0.load(Site::EnterEpoch)
    }

    /// Joins the line: when the grace period of this ticket is over, nobody reads what the
    /// caller unpublished before.
    pub fn join(&self) -> Ticket {
        // PAIRS(line): with `begin`. Whoever takes the next number sees what we did.
        Ticket(self.updaters.line.fetch_add(0, Site::Join) + 1)
    }

    /// Whether the grace period of `ticket` is over.
    pub fn is_over(&self, ticket: Ticket) -> bool {
        // PAIRS(done): with the end of the grace period, which another updater may have seen.
        self.updaters.done.load(Site::IsDone) >= ticket.0
    }

    /// Waits until nobody reads what the caller unpublished before.
    ///
    /// Calls `report` with each record that an updater sleeps for, each time it has slept.
    pub fn synchronize<T: Table<Record<M>>>(
        &self,
        machine: &M,
        readers: &Roster<M, T>,
        report: &mut impl FnMut(&Record<M>),
    ) {
        self.wait(self.join(), machine, readers, report);
    }

    /// Waits until the grace period of `ticket` is over.
    pub fn wait<T: Table<Record<M>>>(
        &self,
        ticket: Ticket,
        machine: &M,
        readers: &Roster<M, T>,
        report: &mut impl FnMut(&Record<M>),
    ) {
        while !self.is_over(ticket) {
            self.updaters.lock.with(|| {
                if self.held(&self.updaters.done) >= ticket.0 {
                    return;
                }
                let number = self.under_way().unwrap_or_else(|| self.begin(machine));
                readers.iter().for_each(|record| record.wait(machine, number, report));
                self.end(number);
            });
        }
    }

    /// Whether the grace period of `ticket` is over. If not, takes it one step further
    /// without waiting for anybody: begins it, or ends it if all have left.
    pub fn advance<T: Table<Record<M>>>(&self, ticket: Ticket, machine: &M, readers: &Roster<M, T>) -> bool {
        let step = || {
            if self.held(&self.updaters.done) < ticket.0 {
                let number = self.under_way().unwrap_or_else(|| self.begin(machine));
                if readers.iter().all(|record| record.has_left(number)) {
                    self.end(number);
                }
            }
        };
        if !self.is_over(ticket) {
            // If somebody else is at it, it goes on without us.
            let _ = self.updaters.lock.try_with(step);
        }
        self.is_over(ticket)
    }

    /// The number of the grace period that has begun and is not over. Its heavy fence is
    /// behind us: the lock was held from its number to there.
    fn under_way(&self) -> Option<u64> {
        let begun = self.held(&self.readers.0);
        (begun != self.held(&self.updaters.done)).then_some(begun)
    }

    /// A word that only the holder of the lock writes, read by that one.
    fn held(&self, word: &M::Word) -> u64 {
        word.load(Site::Held)
    }

    /// Begins a grace period, and makes everybody pass a fence.
    fn begin(&self, machine: &M) -> u64 {
        // PAIRS(line): with `join`. What those unpublished who joined before is seen by
        // whoever sees what we do next.
        let number = self.updaters.line.fetch_add(1, Site::Line) + 1;
        // PAIRS(epoch): with `epoch`, of readers that come later.
        self.readers.0.store(number, Site::Begin);
        // PAIRS(section): with the fence in `enter`. PAIRS(hazard): with the fence in `hold`.
        machine.heavy(Site::Heavy);
        number
    }

    fn end(&self, number: u64) {
        // PAIRS(done): with `is_over`.
        self.updaters.done.store(number, Site::Done);
    }
}
