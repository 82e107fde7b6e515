//! A self-test that tells a barrier from a call that only says so.
//!
//! Store buffering, on two threads, over and over:
//!
//! ```text
//!    fast side            slow side
//!    x = 1                y = 1
//!    light fence          heavy fence
//!    read y               read x            forbidden: both read 0
//! ```
//!
//! A system call takes so long that the outcome is rare even if it orders
//! nothing, so the fast side first fills its store buffer with stores that miss
//! every cache: `x = 1` then waits behind them. Each round has fresh lines.
//!
//! Half of the rounds are a *control*: a system call that promises no barrier
//! takes the heavy fence's place. Only if the forbidden outcome is seen there,
//! often enough, does its absence in the other half mean anything. No verdict
//! rests on time, except that it ends the search when nothing can be told.

use std::boxed::Box;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};
use std::{thread, vec::Vec};

use bonfire_abi::{Call, Command};

use crate::sys::cold;
use crate::{Barrier, Refusal, sys};

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a verdict that nobody reads protects nobody"]
pub enum Verdict {
    /// The forbidden outcome was seen in the control, and never with the heavy
    /// fence in its place.
    Orders(Evidence),
    /// The forbidden outcome was seen across a heavy fence.
    Lies(Evidence),
    /// The forbidden outcome was hardly seen at all: one CPU, or two that were
    /// never free at the same time, or a processor that does not show it.
    CannotTell(Evidence),
}

impl Verdict {
    /// The verdict of a program that goes on unless it is shown to be wrong.
    ///
    /// # Errors
    /// [`Refusal::Lying`] for [`Verdict::Lies`], and for nothing else.
    pub fn trust(self) -> Result<(), Refusal> {
        if let Self::Lies(_) = self { Err(Refusal::Lying) } else { Ok(()) }
    }
}

/// The counts that a [`Verdict`] rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Rounds with the heavy fence.
    pub rounds: u32,
    /// Forbidden outcomes among them.
    pub forbidden: u32,
    /// Rounds with an ordinary system call in its place.
    pub control_rounds: u32,
    /// Forbidden outcomes among those, which nothing forbids.
    pub control_forbidden: u32,
}

/// How often the control must show the outcome before its absence elsewhere
/// counts. If a heavy fence did nothing, each of as many rounds would have
/// shown it about as likely: to see 40 and 0 by luck is one in 2^40.
const ENOUGH: u32 = 40;

/// Rounds of each kind, and time, after which nothing more is hoped for: two
/// threads that do not run at once show nothing. No verdict but
/// [`Verdict::CannotTell`] comes of either.
const MOST: u32 = 40_000;
const PATIENCE: Duration = Duration::from_secs(1);

/// Stores queued before the fast side's own: more than a store buffer holds on
/// current x86 make the sides miss each other, fewer drain too soon.
const QUEUED: usize = 32;

/// Sees whether `barrier`'s heavy fence orders anything. Milliseconds, on two
/// CPUs that are free; up to a second if they are not.
///
/// Starts two threads and allocates under 1 MiB (64 MiB where there is no
/// instruction that evicts a cache line).
///
/// ```
/// # fn main() -> Result<(), bonfire::Refusal> {
/// use bonfire::{register, verify};
/// let memory = register()?.memory;
/// verify(memory).trust()?; // a liar is refused, want of evidence is not
/// # Ok(())
/// # }
/// ```
pub fn verify<B: Barrier>(barrier: B) -> Verdict {
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
        return Verdict::CannotTell(Evidence::default());
    }
    let table = Table::new();
    thread::scope(|scope| {
        // Both sides are threads of their own, so that each can have a CPU of
        // its own and the caller keeps what it has. If none can be had,
        // nothing can be told.
        let fast = on_cpu(scope, 0, || table.fast_side(barrier));
        let slow = fast.as_ref().and_then(|_| on_cpu(scope, 1, || table.slow_side(barrier)));
        let evidence = slow.and_then(|slow| slow.join().ok()).unwrap_or_default();
        // Release. PAIRS(round): with the load in `fast_side`.
        table.round.0.store(OVER, Release);
        evidence.verdict()
    })
}

/// Starts a thread that settles on a CPU first; `None` if there is none to be had.
fn on_cpu<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    cpu: usize,
    side: impl FnOnce() -> T + Send + 'scope,
) -> Option<thread::ScopedJoinHandle<'scope, T>> {
    let settled = move || {
        sys::settle(cpu);
        side()
    };
    thread::Builder::new().spawn_scoped(scope, settled).ok()
}

impl Evidence {
    fn verdict(self) -> Verdict {
        if self.forbidden > 0 {
            Verdict::Lies(self)
        } else if self.control_forbidden >= ENOUGH && self.rounds >= self.control_rounds {
            Verdict::Orders(self)
        } else {
            Verdict::CannotTell(self)
        }
    }

    fn is_settled(self) -> bool {
        let enough = self.control_forbidden >= ENOUGH && self.rounds >= self.control_rounds;
        self.forbidden > 0 || enough || self.rounds >= MOST
    }
}

/// One cache line (two, for processors that fetch pairs).
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// What the two sides share.
struct Table {
    /// Which round runs; written by the slow side.
    round: Line,
    /// The last round that the fast side played, and what it read there.
    answer: AnswerLine,
    /// `x` and `y` of each round, in turn.
    cells: Box<[[Line; 2]]>,
    /// Lines that are in no cache.
    cold: Box<[Line]>,
}

#[derive(Default)]
#[repr(align(128))]
struct AnswerLine(AtomicU64);

/// The round that is none.
const OVER: u32 = u32::MAX;

/// Rounds after which cells are used again, long out of mind by then.
const CELLS: usize = 1024;

impl Table {
    fn new() -> Self {
        let lines = |count: usize| (0..count).map(|_| Line::default()).collect::<Vec<_>>().into();
        let cells = (0..CELLS).map(|_| <[Line; 2]>::default()).collect::<Vec<_>>().into();
        Self { round: Line::default(), answer: AnswerLine::default(), cells, cold: lines(cold::LINES) }
    }

    /// Plays whatever round it is told to, until it is over.
    fn fast_side<B: Barrier>(&self, barrier: B) {
        let mut random = Random(0x9e37_79b9);
        let mut played = 0;
        loop {
            let queue: [usize; QUEUED] = core::array::from_fn(|_| random.below(self.cold.len()));
            queue.iter().for_each(|&line| cold::evict(&self.cold[line].0));
            // Acquire. PAIRS(round): with the store in `play`; the cells of
            // this round are zero.
            let round = wait_until(|| Some(self.round.0.load(Acquire)).filter(|&round| round != played));
            if round == OVER {
                return;
            }
            let [x, y] = &self.cells[round as usize % CELLS];
            queue.iter().for_each(|&line| self.cold[line].0.store(round, Relaxed));
            x.0.store(1, Relaxed);
            // PAIRS(heavy): with the heavy fence in `slow_side`.
            barrier.light();
            let read = y.0.load(Relaxed);
            // Release. PAIRS(answer): with the load in `play`.
            self.answer.0.store(u64::from(round) << 32 | u64::from(read), Release);
            played = round;
        }
    }

    fn slow_side<B: Barrier>(&self, barrier: B) -> Evidence {
        let mut random = Random(0x85eb_ca6b);
        let mut evidence = Evidence::default();
        let start = Instant::now();
        while !evidence.is_settled() && start.elapsed() < PATIENCE {
            let delay = random.below(512);
            let round = evidence.rounds + evidence.control_rounds + 1;
            if round % 2 == 0 {
                // PAIRS(heavy): with the light fence in `fast_side`.
                evidence.forbidden += u32::from(self.play(round, delay, || barrier.heavy()));
                evidence.rounds += 1;
            } else {
                let no_barrier = || _ = sys::call(Call::new(Command::Query));
                evidence.control_forbidden += u32::from(self.play(round, delay, no_barrier));
                evidence.control_rounds += 1;
            }
        }
        evidence
    }

    /// One round; whether both sides read 0.
    fn play(&self, round: u32, delay: usize, between: impl FnOnce()) -> bool {
        let [x, y] = &self.cells[round as usize % CELLS];
        x.0.store(0, Relaxed);
        y.0.store(0, Relaxed);
        // Release. PAIRS(round): with the load in `fast_side`.
        self.round.0.store(round, Release);
        (0..delay).for_each(|_| core::hint::spin_loop());
        y.0.store(1, Relaxed);
        between();
        let read_x = x.0.load(Relaxed);
        let read_y = wait_until(|| {
            // Acquire. PAIRS(answer): with the store in `fast_side`.
            let answer = self.answer.0.load(Acquire);
            (answer >> 32 == u64::from(round)).then_some(answer as u32)
        });
        read_x == 0 && read_y == 0
    }
}

/// Spins a while, then gives way: the other side may need this CPU.
fn wait_until<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let mut spins = 0_u32;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        spins = spins.wrapping_add(1);
        if spins % 1024 == 0 { thread::yield_now() } else { core::hint::spin_loop() }
    }
}

/// Marsaglia's xorshift: where it is, not how good, is what matters.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        rounds: u32,
        forbidden: u32,
        control_rounds: u32,
        control_forbidden: u32,
        expected: fn(Evidence) -> Verdict,
    ) {
        let evidence = Evidence { rounds, forbidden, control_rounds, control_forbidden };
        assert_eq!(evidence.verdict(), expected(evidence));
    }

    #[test]
    fn a_verdict_follows_from_the_counts() {
        check(100, 0, 100, ENOUGH, Verdict::Orders);
        check(1, 1, 1, 0, Verdict::Lies);
        check(1000, 1, 1000, 900, Verdict::Lies);
        check(MOST, 0, MOST, ENOUGH - 1, Verdict::CannotTell);
        check(0, 0, 0, 0, Verdict::CannotTell);
    }
}
