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
//! How the two are made to meet so that it is seen at all, [`race`](crate::race)
//! tells.
//!
//! Half of the rounds are a *control*: there is no light fence, and in the heavy one's
//! place is what comes closest to a call that only says that it succeeded: the same
//! call, with a flag that does not exist, so that the kernel returns at once. A filter
//! that lets the one through lets the other through. It is made once, twice, four or
//! eight times in a round, so that a liar may be slower than the kernel's refusal.
//! A pair of fences that makes no call has nothing in its place. Only if the
//! forbidden outcome is seen in the control, often enough, does its absence in the
//! other half mean anything. No verdict rests on time, except that it ends the search
//! when nothing can be told.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};
use std::vec::Vec;
use std::{fmt, thread};

use bonfire_abi::{Call, Command};

use crate::race::{Race, Random};
use crate::{Barrier, Memory, Refusal, sys};

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a verdict that nobody reads protects nobody"]
#[non_exhaustive]
pub enum Verdict {
    /// The forbidden outcome was seen in the control, and never with the heavy
    /// fence in its place.
    Orders(Evidence),
    /// The forbidden outcome was seen across a heavy fence.
    Lies(Evidence),
    /// It was tried, and the forbidden outcome was hardly seen at all: two threads that
    /// were never free at the same time, or a processor that does not show it.
    CannotTell(Evidence),
    /// Nothing was tried.
    NotTried(Obstacle),
}

/// Why nothing was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// This thread may run on one CPU only, where nothing runs at once.
    OneCpu,
    /// There was no memory for it (`RLIMIT_AS`, perhaps).
    NoMemory,
    /// Two threads could not be started.
    NoThreads,
}

/// How far a barrier is to be trusted that was not found to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It was seen to order.
    Orders,
    /// It was tried, and nothing could be told.
    CannotTell,
    /// It was not tried.
    NotTried(Obstacle),
}

impl Verdict {
    /// The verdict of a program that goes on unless it is shown to be wrong; how far
    /// the barrier is to be trusted, for one that wants to know.
    ///
    /// # Errors
    /// [`Refusal::Lying`] for [`Verdict::Lies`], and for nothing else.
    pub fn trust(self) -> Result<Trust, Refusal> {
        match self {
            Self::Lies(_) => Err(Refusal::Lying),
            Self::Orders(_) => Ok(Trust::Orders),
            Self::CannotTell(_) => Ok(Trust::CannotTell),
            Self::NotTried(obstacle) => Ok(Trust::NotTried(obstacle)),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneCpu => "this thread may run on one CPU only; give it two (sched_setaffinity, taskset)",
            Self::NoMemory => "there is no memory for the trial; look at RLIMIT_AS",
            Self::NoThreads => "two threads could not be started; look at RLIMIT_NPROC and RLIMIT_AS",
        })
    }
}

/// The counts that a [`Verdict`] rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Rounds with the heavy fence.
    pub rounds: u32,
    /// Forbidden outcomes among them.
    pub forbidden: u32,
    /// Rounds with no fence in its place.
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
const PATIENCE: Duration = Duration::from_millis(4_500);

/// How much longer the sides may take to come back, before they are left alone.
const GRACE: Duration = Duration::from_millis(400);

/// Sees whether `barrier`'s heavy fence orders anything. Milliseconds, on two
/// CPUs that are free; tens of milliseconds if others want them, and within 5
/// seconds it gives up.
///
/// Starts two threads and allocates under 1 MiB (64 MiB where there is no
/// instruction that evicts a cache line). Under Linux it gives each a CPU, unless a
/// filter kills for that; the calls that it makes besides are those by which `std`
/// starts threads and has them sleep. A thread of it that does not come back in time
/// is left to end by itself.
///
/// A liar that takes longer than the control, several microseconds, is not found: a
/// supervisor in another process, say, who answers for the kernel.
///
/// ```
/// # fn main() -> Result<(), bonfire::Refusal> {
/// use bonfire::{Trust, register, verify};
/// let memory = register()?.memory;
/// // A liar is refused, want of evidence is not.
/// if let Trust::NotTried(obstacle) = verify(memory).trust()? {
///     eprintln!("the barrier was not tried: {obstacle}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn verify<B: Barrier>(barrier: B) -> Verdict {
    tried(barrier).unwrap_or_else(Verdict::NotTried)
}

fn tried<B: Barrier>(barrier: B) -> Result<Verdict, Obstacle> {
    if sys::cpus().is_some_and(|cpus| cpus < 2) {
        return Err(Obstacle::OneCpu);
    }
    let end = Instant::now() + PATIENCE + GRACE;
    let race = Arc::new(Race::new(PATIENCE).ok_or(Obstacle::NoMemory)?);
    has_room()?;
    let (tell, told) = mpsc::channel();
    let started = start_fast(Arc::clone(&race), barrier).and_then(|()| start_slow(&race, barrier, tell));
    let evidence = started.map(|()| told.recv_timeout(end.saturating_duration_since(Instant::now())));
    race.end();
    Ok(evidence?.unwrap_or_default().verdict())
}

/// Both sides are threads of their own, so that each can have a CPU of its own and the
/// caller keeps what it has.
fn start(side: impl FnOnce() + Send + 'static) -> Result<(), Obstacle> {
    let started = thread::Builder::new().stack_size(STACK).spawn(side);
    started.map(drop).map_err(|_| Obstacle::NoThreads)
}

const STACK: usize = 256 << 10;

/// Whether there is room for two threads: `std` ends a process that has none for the
/// little with which a thread begins. More than allocators have in store is asked for,
/// so that it is the system that answers; none of it is touched.
fn has_room() -> Result<(), Obstacle> {
    const ROOM: usize = if cfg!(target_pointer_width = "64") { 65 << 20 } else { 2 << 20 };
    Vec::<u8>::new().try_reserve_exact(ROOM).map_err(|_| Obstacle::NoMemory)
}

fn start_fast<B: Barrier>(race: Arc<Race>, barrier: B) -> Result<(), Obstacle> {
    let settle = sys::settler();
    start(move || {
        settle(0);
        race.play_fast(|round, [x, y, _]| {
            x.0.store(1, Relaxed);
            if !is_control(round) {
                // PAIRS(heavy): with the heavy fence of the slow side.
                barrier.light();
            }
            y.0.load(Relaxed) == 0
        });
    })
}

fn start_slow<B: Barrier>(race: &Arc<Race>, barrier: B, tell: Sender<Evidence>) -> Result<(), Obstacle> {
    let (settle, race) = (sys::settler(), Arc::clone(race));
    start(move || {
        settle(1);
        // Nobody is told who has gone.
        let _ = tell.send(search(&race, barrier));
    })
}

impl Evidence {
    fn count(&mut self, is_control: bool, forbidden: bool) {
        let (rounds, seen) = if is_control {
            (&mut self.control_rounds, &mut self.control_forbidden)
        } else {
            (&mut self.rounds, &mut self.forbidden)
        };
        *rounds += 1;
        *seen += u32::from(forbidden);
    }

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

/// The slow side: a heavy fence and the control, in turn.
fn search<B: Barrier>(race: &Race, barrier: B) -> Evidence {
    let mut evidence = Evidence::default();
    let mut random = Random(0x2545_f491);
    while !evidence.is_settled() {
        let round = evidence.rounds + evidence.control_rounds + 1;
        let calls = 1 << random.below(4);
        let outcome = race.play_slow(round, |[x, y, _]| {
            y.0.store(1, Relaxed);
            if is_control(round) {
                call_in_vain(calls);
            } else {
                // PAIRS(heavy): with the light fence of the fast side.
                barrier.heavy();
            }
            x.0.load(Relaxed) == 0
        });
        let Some(forbidden) = outcome else { break };
        evidence.count(is_control(round), forbidden);
    }
    evidence
}

/// Makes the call of a heavy fence, so that the kernel refuses it at once; nothing, in
/// a process that may not be allowed to make it.
fn call_in_vain(times: u32) {
    const NO_SUCH_FLAG: u32 = 1 << 31;
    let call = Call { number: Command::PrivateExpedited.number(), flags: NO_SUCH_FLAG, cpu_id: 0 };
    if Memory::get().is_some() {
        (0..times).for_each(|_| _ = sys::call(call));
    }
}

/// Whether this round is one of the control.
fn is_control(round: u32) -> bool {
    round % 2 == 1
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
