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
//! Half of the rounds are a *control*: there is no light fence, and a system call
//! that promises no barrier takes the heavy one's place. Only if the forbidden outcome is seen there,
//! often enough, does its absence in the other half mean anything. No verdict
//! rests on time, except that it ends the search when nothing can be told.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use bonfire_abi::{Call, Command};

use crate::race::Race;
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
const PATIENCE: Duration = Duration::from_secs(5);

/// Sees whether `barrier`'s heavy fence orders anything. Milliseconds, on two
/// CPUs that are free; tens of milliseconds if others want them, and after 5
/// seconds it gives up.
///
/// Starts two threads and allocates under 1 MiB (64 MiB where there is no
/// instruction that evicts a cache line). Under Linux it gives each a CPU;
/// where a filter is in force, a child tries first whether that kills.
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
    if sys::cpus().is_some_and(|cpus| cpus < 2) {
        return Verdict::CannotTell(Evidence::default());
    }
    // Both sides are threads of their own, so that each can have a CPU of its own
    // and the caller keeps what it has. If none can be had, nothing can be told.
    let settle = sys::settler();
    let race = Race::new(PATIENCE);
    thread::scope(|scope| {
        let fast = || {
            settle(0);
            race.play_fast(|round, [x, y, _]| {
                x.0.store(1, Relaxed);
                if !is_control(round) {
                    // PAIRS(heavy): with the heavy fence of the slow side.
                    barrier.light();
                }
                y.0.load(Relaxed) == 0
            });
        };
        let slow = || {
            settle(1);
            search(&race, barrier)
        };
        let start_slow = |_| thread::Builder::new().spawn_scoped(scope, slow).ok();
        let slow = thread::Builder::new().spawn_scoped(scope, fast).ok().and_then(start_slow);
        let evidence = slow.and_then(|slow| slow.join().ok()).unwrap_or_default();
        race.end();
        evidence.verdict()
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
    while !evidence.is_settled() {
        let round = evidence.rounds + evidence.control_rounds + 1;
        let outcome = race.play_slow(round, |[x, y, _]| {
            y.0.store(1, Relaxed);
            if is_control(round) {
                // Promises no barrier. That it fails here or there is all the same.
                let _ = sys::call(Call::new(Command::Query));
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
