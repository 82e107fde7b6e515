//! The reader's side: entering a section, leaving it, nesting.
//!
//! A record is one word that its owner writes and updaters read: the epoch in which its
//! section began, or [`OUTSIDE`], which is later than every epoch. So an updater asks one
//! thing: is the word at least the epoch that I wait for? It does not matter whether the
//! reader left, or left and came again, or was never there.
//!
//! A section is a load of the epoch, two stores of the word, and three looks at words that
//! hardly ever change. No store waits for a load: sections that follow one another do not
//! wait for one another either. (A counter of sections or of depth in the record would
//! make each wait for the one before, about 4 ns.)
//!
//! Nesting is counted by the thread, in its [`Depth`]: how many sections are open *beside*
//! the first. So sections may be left in any order; the last one that is left ends all.

use core::cell::Cell;

use crate::roster::{Claimable, vacate};
use crate::{Grace, Machine, Site, Word};

/// The word of a record whose owner is in no section: later than every epoch.
pub const OUTSIDE: u64 = u64::MAX;

/// The same, of an owner that has not been told that light fences are enough.
const OUTSIDE_FULL: u64 = u64::MAX - 1;

/// What a thread tells updaters of itself.
///
/// # Invariants
/// `section` is written by the record's owner only.
#[repr(align(128))]
pub struct Record<M: Machine> {
    section: M::Word,
    /// 0 if an updater sleeps until the owner has left.
    quiet: M::Word,
    taken: M::Word,
    /// Whose it is; a number for reports.
    who: M::Word,
    /// Where its section was entered, if it says so; a number for reports.
    place: M::Word,
}

impl<M: Machine> Record<M> {
    /// A record that nobody has.
    pub const NEW: Self = Self {
        section: M::Word::ONES,
        quiet: M::Word::ONES,
        taken: M::Word::ZERO,
        who: M::Word::ZERO,
        place: M::Word::ZERO,
    };

    /// Prepares the record for the thread that just took it, which reports call `who`.
    pub fn prepare(&self, who: u64) {
        self.who.store(who, Site::Who);
        // PAIRS(left): with `has_left`, of whoever waits for the owner before.
        self.section.store(OUTSIDE_FULL, Site::Prepare);
    }

    /// Leaves all sections and gives the record back.
    pub fn give_back(&self, machine: &M) {
        self.leave_all(machine);
        vacate::<M>(self);
    }

    /// The words, with their names; for a model.
    pub fn words(&self) -> [(&'static str, &M::Word); 3] {
        [("section", &self.section), ("quiet", &self.quiet), ("taken", &self.taken)]
    }

    /// What reports call the owner.
    pub fn who(&self) -> u64 {
        self.who.load(Site::Who)
    }

    /// Says where the section was entered.
    #[inline(always)]
    pub fn note_place(&self, place: u64) {
        self.place.store(place, Site::Who);
    }

    /// Where the section was entered; 0 if that was not said.
    pub fn place(&self) -> u64 {
        self.place.load(Site::Who)
    }

    /// Whether the owner is in a section, as far as the calling thread knows: the owner knows.
    #[inline]
    pub fn is_inside(&self) -> bool {
        self.section.load(Site::Who) < OUTSIDE_FULL
    }

    /// Whether the owner is in no section that began before `epoch`, as seen by an updater
    /// behind a heavy fence.
    pub(crate) fn has_left(&self, epoch: u64) -> bool {
        // PAIRS(left): with `leave`; and with `enter`, if it is inside again.
        self.section.load(Site::Look) >= epoch
    }

    /// Waits until the owner is in no section that began before `epoch`. Calls `report`
    /// each time that it has waited in vain.
    pub(crate) fn wait(&self, machine: &M, epoch: u64, report: &mut impl FnMut(&Self)) {
        // PAIRS(left): as in `has_left`.
        while !machine.watch(&self.section, epoch, Site::Look) {
            self.sleep(machine, epoch);
            report(self);
        }
    }

    /// Sleeps until the owner has left, or not as long as that.
    fn sleep(&self, machine: &M, epoch: u64) {
        self.quiet.store(0, Site::Asleep);
        // PAIRS(sleep): with the fence in `leave`. Either the owner sees that we are about
        // to sleep, or we see that it has left.
        machine.heavy(Site::SleepHeavy);
        if !self.has_left(epoch) {
            machine.sleep(&self.quiet);
        }
        self.quiet.store(u64::MAX, Site::Asleep);
    }

    /// Leaves all sections, and wakes whoever sleeps until then, with the fence that it
    /// takes to see that. Behind it the owner counts as not told of light fences.
    fn leave_all(&self, machine: &M) {
        // PAIRS(left): as in `leave_alone`.
        self.section.store(OUTSIDE_FULL, Site::Leave);
        // PAIRS(sleep): with the heavy fence in `sleep`, which may be a full one.
        machine.full(Site::LeaveFull);
        if self.quiet.load(Site::LeaveQuiet) == 0 {
            self.awaken(machine);
        }
    }

    #[cold]
    fn awaken(&self, machine: &M) {
        self.quiet.store(u64::MAX, Site::Awaken);
        machine.wake(&self.quiet);
    }
}

impl<M: Machine> Claimable<M> for Record<M> {
    fn taken(&self) -> &M::Word {
        &self.taken
    }
}

/// How many sections a thread has open beside the first, and whether that one was entered
/// with a full fence.
///
/// A signal handler may enter and leave between any two steps of its thread: it leaves the
/// count as it was, and `is_deep` set rather than not.
#[derive(Debug, Default)]
pub struct Depth {
    count: Cell<u32>,
    /// Whether to look at the count when a section is left. Of the owner's last section only
    /// it may be set with a count of 0.
    is_deep: Cell<bool>,
}

/// The first section was entered with a full fence, and is left with one.
const WITH_FULL: u32 = 1 << 31;

impl Depth {
    /// No section.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: Cell::new(0), is_deep: Cell::new(false) }
    }
}

/// Enters a section: what is loaded from here to [`leave`] is not freed before.
///
/// `record` and `depth` are the calling thread's own.
#[inline(always)]
pub fn enter<M: Machine>(machine: &M, grace: &Grace<M>, record: &Record<M>, depth: &Depth) {
    if record.section.load(Site::Own) != OUTSIDE {
        // The count goes by value, here and in `leave`: its address, once known to a call,
        // would keep a handle in memory where it can be in registers.
        depth.count.set(enter_slowly(machine, grace, record, depth.count.get()));
        return depth.is_deep.set(depth.count.get() != 0);
    }
    enter_alone(machine, grace, record);
}

/// Enters a section where [`may_be_alone`] has said that there is nothing to look at, and
/// each section since has been left by [`leave_alone`].
#[inline(always)]
pub fn enter_alone<M: Machine>(machine: &M, grace: &Grace<M>, record: &Record<M>) {
    announce(grace, record);
    // PAIRS(section): with the heavy fence of a grace period. Either its updater sees that
    // we are inside, or we see what it published.
    machine.light(Site::EnterLight);
}

/// Says that the owner is inside, since now.
#[inline(always)]
fn announce<M: Machine>(grace: &Grace<M>, record: &Record<M>) {
    // PAIRS(epoch): with the beginning of that epoch. An old one would do no harm: somebody
    // waits for us who need not.
    let epoch = grace.epoch();
    // PAIRS(left): with `has_left`.
    record.section.store(epoch, Site::Enter);
}

/// Enters inside another section, or before the machine was known to be ready; the count
/// that comes of it.
#[cold]
fn enter_slowly<M: Machine>(machine: &M, grace: &Grace<M>, record: &Record<M>, count: u32) -> u32 {
    if record.is_inside() {
        assert!(count & !WITH_FULL < u32::MAX >> 2, "a billion read sections of one thread are open");
        return count + 1;
    }
    announce(grace, record);
    if machine.is_ready() {
        // PAIRS(section): as in `enter`.
        machine.light(Site::EnterLight);
        0
    } else {
        // PAIRS(section): with the heavy fence, which may be a full one.
        machine.full(Site::EnterFull);
        WITH_FULL
    }
}

/// Leaves a section: the last one that is open, or one of several.
#[inline(always)]
pub fn leave<M: Machine>(machine: &M, record: &Record<M>, depth: &Depth) {
    if depth.is_deep.get() {
        let left = leave_slowly(machine, record, depth.count.get());
        depth.count.set(left.unwrap_or(0));
        return depth.is_deep.set(left.is_some());
    }
    leave_alone(machine, record);
}

/// Leaves a section that was entered by [`enter_alone`].
#[inline(always)]
pub fn leave_alone<M: Machine>(machine: &M, record: &Record<M>) {
    // PAIRS(left): with `has_left`. Our reads are done.
    record.section.store(OUTSIDE, Site::Leave);
    // PAIRS(sleep): with the heavy fence in `sleep`.
    machine.light(Site::LeaveLight);
    if record.quiet.load(Site::LeaveQuiet) == 0 {
        record.awaken(machine);
    }
}

/// Leaves one of several, or the last one if there were several or it was entered with a
/// full fence; the count that is left if a section is.
#[cold]
fn leave_slowly<M: Machine>(machine: &M, record: &Record<M>, count: u32) -> Option<u32> {
    match count {
        0 => leave_alone(machine, record),
        WITH_FULL => record.leave_all(machine),
        deeper => return Some(deeper - 1),
    }
    None
}

/// Whether light fences are enough from here on; if so, leaves every section of the owner's,
/// which then enters and leaves by [`enter_alone`] and [`leave_alone`].
pub fn may_be_alone<M: Machine>(machine: &M, record: &Record<M>, depth: &Depth) -> bool {
    let is_ready = machine.is_ready();
    if is_ready {
        record.leave_all(machine);
        depth.count.set(0);
        depth.is_deep.set(false);
        // PAIRS(left): one word, as in `leave_all`: it is outside, and told.
        record.section.store(OUTSIDE, Site::Leave);
    }
    is_ready
}
