//! Two threads that race, round by round, in a way that lets each be late.
//!
//! ```text
//!    fast side                       slow side
//!                                    makes the round's cells zero
//!              ───── both have come, then both are awake ─────
//!    stores to cold lines            waits a moment
//!    its accesses                    its accesses
//!    says what it saw  ────────────▶ counts the round
//! ```
//!
//! What is under test in its accesses is a store that a load overtakes. A system
//! call between the slow side's takes so long that this is rare even if the
//! call orders nothing; so the fast side's stores are made to wait behind
//! others that miss every cache ([`cold`] tells how). Each round has fresh cells. How late the slow
//! side must be depends on the machine and the compiler: it is drawn at random,
//! over three orders of magnitude, and in every other pair of rounds from around
//! the last that did it.
//!
//! They meet in two steps: a thread that has waited long sleeps, and wakes up too late to
//! race; the second step waits for that. Asleep, not yielding, because on CPUs that
//! others want a thread that has slept is let in at once, and one that has yielded is not.
//! That, and no more, is what makes it work on a busy machine.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | meet | a side says that it has come | the other waits for it |
//! | answer | the fast side says what it saw | the slow side waits for it |

use std::boxed::Box;
use std::hint::spin_loop;
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use crate::sys::cold::{self, QUEUED};

/// One cache line (two, for processors that fetch pairs).
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Line(pub(crate) AtomicU32);

/// The words of a round, zero when it begins.
pub(crate) type Cells = [Line; 3];

/// The longest delay, in turns of an empty loop: two to the power of this.
const DELAY: u32 = 13;

/// Rounds after which cells are used again, long out of mind by then.
const CELLS: usize = 1024;

/// How often a side looks whether the other comes before it sleeps, and how
/// often whether it wakes up.
const LOOKS: u32 = 2_000;
const LOOKS_AWAKE: u32 = 20_000;
const NAP: Duration = Duration::from_micros(20);

/// What the two sides share.
pub(crate) struct Race {
    /// How far each side has come: twice the round, and one more when awake.
    fast: Line,
    slow: Line,
    /// The last round that the fast side played, doubled, and what it saw.
    answer: Line,
    /// Not 0 when there is no further round.
    over: Line,
    /// The delay of the last round that showed what is looked for, or 0.
    aim: Line,
    deadline: Instant,
    cells: Box<[Cells]>,
    /// Lines that are in no cache.
    cold: Box<[Line]>,
}

impl Race {
    /// A race that ends after `patience` at the latest, if there is memory for it.
    pub(crate) fn new(patience: Duration) -> Option<Self> {
        let deadline = Instant::now() + patience;
        let (cells, cold) = (many(CELLS)?, many(cold::LINES)?);
        let [fast, slow, answer, over, aim] = Default::default();
        Some(Self { fast, slow, answer, over, aim, deadline, cells, cold })
    }

    /// Plays the fast side of every round: its accesses in the round of this
    /// number, and whether it saw its half of what is looked for.
    pub(crate) fn play_fast(&self, side: impl Fn(u32, &Cells) -> bool) {
        let mut random = Random(0x9e37_79b9);
        for round in 1.. {
            let queue = self.queue(random.below(u32::MAX));
            if !self.meet(&self.fast, &self.slow, round) {
                return;
            }
            cold::store(queue, round);
            let saw = side(round, self.cells(round));
            // Release. PAIRS(answer): with the load in `play_slow`.
            self.answer.0.store(round << 1 | u32::from(saw), Release);
        }
    }

    /// Plays the slow side of one round, of which the first is 1; whether both
    /// saw their halves, or `None` if there is no time for it.
    pub(crate) fn play_slow(&self, round: u32, side: impl FnOnce(&Cells) -> bool) -> Option<bool> {
        let delay = self.delay(round);
        self.cells(round).iter().for_each(|cell| cell.0.store(0, Relaxed));
        if !self.meet(&self.slow, &self.fast, round) {
            return None;
        }
        cold::pause(delay);
        let saw = side(self.cells(round));
        // Acquire. PAIRS(answer): with the store in `play_fast`.
        if !self.wait_until(LOOKS, || self.answer.0.load(Acquire) >> 1 == round) {
            return None;
        }
        let both = saw && self.answer.0.load(Relaxed) & 1 == 1;
        if both {
            self.aim.0.store(delay, Relaxed);
        }
        Some(both)
    }

    /// How late the slow side is in this round. An odd round and the even one that
    /// follows draw the same, so that one can be the other's control.
    fn delay(&self, round: u32) -> u32 {
        let pair = round.div_ceil(2);
        let mut random = Random(pair.wrapping_mul(0x85eb_ca6b));
        match self.aim.0.load(Relaxed) {
            aim if aim > 0 && pair % 2 == 0 => aim / 2 + random.below(aim),
            _ => {
                let scale = random.below(DELAY) + 1;
                random.below(1 << scale)
            }
        }
    }

    /// Ends the race: the fast side returns.
    pub(crate) fn end(&self) {
        // Relaxed: it publishes nothing.
        self.over.0.store(1, Relaxed);
    }

    /// Some of the cold lines.
    fn queue(&self, random: u32) -> &[Line; QUEUED] {
        let first = random as usize % (cold::LINES - QUEUED);
        self.cold[first..].first_chunk().expect("the remainder leaves room")
    }

    fn cells(&self, round: u32) -> &Cells {
        &self.cells[round as usize % CELLS]
    }

    /// Comes to `round`; whether the other side does.
    fn meet(&self, mine: &Line, other: &Line, round: u32) -> bool {
        [(2 * round, LOOKS), (2 * round + 1, LOOKS_AWAKE)].into_iter().all(|(step, looks)| {
            // Release. PAIRS(meet): with the load below, of the other side, which
            // sees all that was done before: zeroed cells, evicted lines.
            mine.0.store(step, Release);
            // Acquire. PAIRS(meet): with the store above, of the other side.
            self.wait_until(looks, || other.0.load(Acquire) >= step)
        })
    }

    /// Looks a while, then sleeps between looks; `false` when the race is over.
    fn wait_until(&self, most: u32, ready: impl Fn() -> bool) -> bool {
        let mut looks = 0;
        while !ready() {
            if self.over.0.load(Relaxed) != 0 {
                return false;
            }
            looks += 1;
            if looks < most {
                spin_loop();
            } else if Instant::now() < self.deadline {
                looks = 0;
                thread::sleep(NAP);
            } else {
                return false;
            }
        }
        true
    }
}

/// As many as that, if there is memory.
fn many<T: Default>(count: usize) -> Option<Box<[T]>> {
    let mut all = Vec::new();
    all.try_reserve_exact(count).ok()?;
    all.resize_with(count, T::default);
    Some(all.into_boxed_slice())
}

/// Marsaglia's xorshift: where it is, not how good, is what matters.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_long_for_a_side_that_never_comes() {
        let race = Race::new(Duration::ZERO).unwrap();
        assert_eq!(race.play_slow(1, |_| true), None);
        race.play_fast(|_, _| true);
    }

    #[test]
    fn a_round_is_seen_if_both_saw_it() {
        let race = Race::new(Duration::from_secs(60)).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| race.play_fast(|round, _| round > 1));
            assert_eq!(
                [1, 2, 3].map(|round| race.play_slow(round, |_| round < 3)),
                [false, true, false].map(Some)
            );
            race.end();
        });
    }
}
