//! The memory that the threads of a litmus share.
//!
//! Variables are never set back. A stored value carries the number of its
//! round; one of an older round reads as 0.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::plan::Plan;
use super::queue::{LINES, QUEUES};
use super::shape::{LOADS, THREADS, Var};

/// How many rounds until a variable's line is used again.
const FRESH: usize = 1024;

/// What they share.
#[repr(C)]
pub(crate) struct Table {
    pub(super) seats: [Seat; THREADS],
    fresh: [[Line; 3]; FRESH],
    /// For each seat, the lines of its queue.
    pub(super) slow: [OnePage; THREADS],
    /// The first round of this session, and the last that anyone played.
    first: AtomicU64,
    pub(super) round: AtomicU64,
    /// What this round is.
    plan: AtomicU64,
    /// How a round was planned that showed the outcome, and how long its heavy
    /// thread waited.
    hit: [AtomicU64; 2],
    /// For each queue, how many turns pass until the accesses behind it are
    /// seen; 0 where that was not measured yet.
    lengths: [AtomicU32; QUEUES.len()],
    /// The first round of the session whose late registration is done.
    pub(super) registered: AtomicU64,
}

/// A word with the lines around it, so that no two share one, nor a pair that a
/// CPU fetches together.
#[repr(C, align(128))]
pub(crate) struct Line(pub(crate) AtomicU64);

/// Lines that share a page, so that one translation serves them all.
#[repr(C, align(2048))]
pub(super) struct OnePage(pub(super) [Line; LINES]);

impl Line {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }
}

#[repr(C, align(128))]
pub(super) struct Seat {
    /// How far this thread has come: twice the round, and one more when ready.
    pub(super) met: AtomicU64,
    /// The round whose results are in `reads`.
    pub(super) done: AtomicU64,
    pub(super) reads: [AtomicU64; LOADS],
}

impl Seat {
    const fn new() -> Self {
        Self { met: AtomicU64::new(0), done: AtomicU64::new(0), reads: [const { AtomicU64::new(0) }; LOADS] }
    }
}

impl Table {
    pub(crate) const fn new() -> Self {
        Self {
            seats: [const { Seat::new() }; THREADS],
            fresh: [const { [const { Line::new() }; 3] }; FRESH],
            slow: [const { OnePage([const { Line::new() }; LINES]) }; THREADS],
            first: AtomicU64::new(0),
            round: AtomicU64::new(0),
            plan: AtomicU64::new(0),
            hit: [const { AtomicU64::new(0) }; 2],
            lengths: [const { AtomicU32::new(0) }; QUEUES.len()],
            registered: AtomicU64::new(0),
        }
    }

    /// Forgets what the last case learnt of its processes.
    pub(crate) fn reset(&self) {
        self.reset_hit();
        self.lengths.iter().for_each(|length| length.store(0, Relaxed));
    }

    /// Forgets the round that showed the outcome.
    pub(super) fn reset_hit(&self) {
        self.hit.iter().for_each(|word| word.store(0, Relaxed));
    }

    /// Lets the rounds of another session follow, before its threads start.
    pub(crate) fn open(&self) {
        self.first.store(self.round.load(Relaxed) + 1, Relaxed);
    }

    /// The first round of this session.
    pub(super) fn first_round(&self) -> u64 {
        self.first.load(Relaxed)
    }

    /// Says what the next round is. The meeting orders it before the round.
    pub(super) fn announce(&self, plan: Plan) {
        self.plan.store(plan.word(), Relaxed);
    }

    /// What this round is.
    pub(super) fn plan(&self) -> Plan {
        Plan::from_word(self.plan.load(Relaxed))
    }

    /// Remembers a round that showed the outcome.
    pub(super) fn keep_hit(&self, plan: Plan, delay: u32) {
        self.hit[0].store(plan.word(), Relaxed);
        self.hit[1].store(u64::from(delay) + 1, Relaxed);
    }

    /// The last round that showed the outcome.
    pub(super) fn hit(&self) -> Option<(Plan, u32)> {
        let delay = self.hit[1].load(Relaxed).checked_sub(1)?;
        Some((Plan::from_word(self.hit[0].load(Relaxed)), delay as u32))
    }

    /// How long the accesses behind this queue take to be seen.
    pub(super) fn length(&self, queue: usize) -> Option<u32> {
        let length = self.lengths[queue].load(Relaxed);
        (length > 0).then_some(length)
    }

    /// Notes another measurement; the shortest counts, since whatever disturbs
    /// makes it longer.
    pub(super) fn measured(&self, queue: usize, turns: u32) {
        let shortest = self.length(queue).unwrap_or(u32::MAX).min(turns.max(1));
        self.lengths[queue].store(shortest, Relaxed);
    }

    /// Lines that nobody else uses while the machine is measured.
    pub(crate) fn spare_lines(&self) -> &[Line] {
        &self.slow[0].0
    }

    /// The word of a variable in this round.
    pub(super) fn line(&self, round: u64, var: Var) -> &AtomicU64 {
        &self.fresh[round as usize % FRESH][var as usize].0
    }
}

/// What a stored value says in this round.
pub(super) fn in_round(round: u64, word: u64) -> u64 {
    if word >> 2 == round { word & 3 } else { 0 }
}
