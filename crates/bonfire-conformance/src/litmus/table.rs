//! The memory that the threads of a litmus share.
//!
//! Variables are never set back. A stored value carries the number of its
//! round; one of an older round reads as 0.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::shape::{LOADS, THREADS, Var};

/// How many rounds until a variable's line is used again.
const FRESH: usize = 1024;
/// How many cold lines a thread queues stores to: about as many as wait in a
/// store buffer.
pub(crate) const QUEUED: usize = 64;

/// What they share.
#[repr(C)]
pub(crate) struct Table {
    pub(super) seats: [Seat; THREADS],
    fresh: [[Line; 3]; FRESH],
    /// For each seat.
    pub(super) cold: [[Line; QUEUED]; THREADS],
    /// The first round of this session, and the last that anyone played.
    first: AtomicU64,
    pub(super) round: AtomicU64,
    /// Whether this round is the twin's: 1 if it is.
    pub(super) twin: AtomicU64,
    /// The first round of the session whose late registration is done.
    pub(super) registered: AtomicU64,
}

/// A word with the lines around it, so that no two share one, nor a pair that a
/// CPU fetches together.
#[repr(C, align(128))]
pub(crate) struct Line(pub(crate) AtomicU64);

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
            cold: [const { [const { Line::new() }; QUEUED] }; THREADS],
            first: AtomicU64::new(0),
            round: AtomicU64::new(0),
            twin: AtomicU64::new(0),
            registered: AtomicU64::new(0),
        }
    }

    /// Lets the rounds of another session follow, before its threads start.
    pub(super) fn open(&self) {
        self.first.store(self.round.load(Relaxed) + 1, Relaxed);
    }

    /// The first round of this session.
    pub(super) fn first_round(&self) -> u64 {
        self.first.load(Relaxed)
    }

    /// The word of a variable in this round.
    pub(super) fn line(&self, round: u64, var: Var) -> &AtomicU64 {
        &self.fresh[round as usize % FRESH][var as usize].0
    }

    /// What a variable holds in this round.
    pub(super) fn value(&self, round: u64, var: Var) -> u64 {
        in_round(round, self.line(round, var).load(Relaxed))
    }
}

/// What a stored value says in this round.
fn in_round(round: u64, word: u64) -> u64 {
    if word >> 2 == round { word & 3 } else { 0 }
}
