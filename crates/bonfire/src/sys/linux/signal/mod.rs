//! A heavy fence made of signals: one to every thread, each acknowledged.
//!
//! The handler is a full fence and an acknowledgement ([`question`]). A heavy
//! fence lists the threads of the process ([`threads`]), signals each, waits for
//! each, and lists again, until a listing brings no thread that it has not met.
//! A thread that ends meanwhile needs no fence, nor does one that begins: the
//! kernel's own barriers stand between its creation and its first access, and
//! who created it was met, or is older than the next listing.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | heavy | the light fences of a thread | the fence in its handler |
//! | install | [`install`], when the handler stands and all have answered | who finds the number |
//! | round | [`play_round`], after all have answered | [`has_ended_since`], of those who shared it |
//! | ack | the handler, after its fence | who asked, before the fence at the end |

mod question;
mod threads;

use std::collections::BTreeSet;
use std::sync::atomic::{
    AtomicI32, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use self::question::Asked;
use self::threads::Threads;
use crate::SignalFault;
use crate::turn::Turn;

/// The signal whose handler stands and was answered by every thread; 0 for none.
static NUMBER: AtomicI32 = AtomicI32::new(0);

/// Makes sure that `number` has the handler, and that every thread answers it.
pub(crate) fn install(number: i32, patience: Duration) -> Result<(), SignalFault> {
    static INSTALLING: Turn = Turn::new();
    let mut patience = Patience::new(patience);
    let _taken = loop {
        match INSTALLING.take() {
            Some(taken) => break taken,
            None => patience.wait_or(SignalFault::Busy)?,
        }
    };
    // Acquire. PAIRS(install): with the store below, of whoever came before.
    let before = NUMBER.load(Acquire);
    if before != 0 && before != number {
        return Err(SignalFault::Taken);
    }
    question::install_handler(number)?;
    if before == 0 {
        question::stay_loaded();
        in_a_round(number, patience)?;
        // Release. PAIRS(install): with the load above, and with `heavy_within`:
        // the handler stands before anybody learns of it.
        NUMBER.store(number, Release);
    }
    Ok(())
}

/// Whether the handler stands and was answered by everyone.
pub(crate) fn is_installed() -> bool {
    // Acquire. PAIRS(install): with the store in `install`.
    NUMBER.load(Acquire) != 0
}

/// A heavy fence, if it can be had in time.
pub(crate) fn heavy_within(patience: Duration) -> Result<(), SignalFault> {
    // Acquire. PAIRS(install): with the store in `install`; a token is at hand.
    in_a_round(NUMBER.load(Acquire), Patience::new(patience))
}

/// Plays a round, or waits for the end of one that somebody else began later.
fn in_a_round(number: i32, mut patience: Patience) -> Result<(), SignalFault> {
    // PAIRS(heavy): what was stored before is seen by whoever is created, or
    // handles a signal, after the threads were listed: here, or by another
    // whose round begins after `BEGUN` was read.
    fence(SeqCst);
    let begun = BEGUN.load(Relaxed);
    while !has_ended_since(begun) {
        match TURN.take() {
            Some(_taken) => play_round(number, &mut patience)?,
            None => patience.wait_or(SignalFault::Busy)?,
        }
    }
    // PAIRS(heavy): what every thread stored before it answered is seen by
    // loads from here on.
    fence(SeqCst);
    Ok(())
}

/// The turn of rounds.
static TURN: Turn = Turn::new();

/// Rounds of signals begun, and the last that ended. Changed in a turn only.
///
/// Whoever finds the turn taken need not have it: a round that begins after its
/// own fence does what its own would. So nobody waits for more than two.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);

/// One round, in a turn. One that fails has not ended.
fn play_round(number: i32, patience: &mut Patience) -> Result<(), SignalFault> {
    let round = BEGUN.fetch_add(1, Relaxed).wrapping_add(1);
    // PAIRS(heavy): with the fence of whoever read an older `BEGUN` after it. Its
    // fence is the earlier one, so its stores are seen wherever this round's are.
    fence(SeqCst);
    ask_everyone(number, patience)?;
    // Release. PAIRS(round): with the load in `has_ended_since`, of those who
    // waited: the answers are theirs, too.
    ENDED.store(round, Release);
    Ok(())
}

/// Whether a round that came after this number has ended.
fn has_ended_since(begun: u32) -> bool {
    // Acquire. PAIRS(round): with the store in `play_round`.
    ENDED.load(Acquire).wrapping_sub(begun) as i32 > 0
}

/// Signals and awaits every thread but this one.
fn ask_everyone(number: i32, patience: &mut Patience) -> Result<(), SignalFault> {
    let threads = Threads::of_this_process()?;
    let mut met = BTreeSet::from([threads.this]);
    loop {
        let new: Vec<i32> = threads.list()?.into_iter().filter(|&thread| met.insert(thread)).collect();
        if new.is_empty() {
            return Ok(());
        }
        for batch in new.chunks(question::SLOTS) {
            let ask = |(slot, &thread)| question::ask(number, slot, thread, patience);
            let asked: Vec<Option<Asked>> = batch.iter().enumerate().map(ask).collect::<Result<_, _>>()?;
            for asked in asked.into_iter().flatten() {
                await_answer(&asked, &threads, number, patience)?;
            }
        }
    }
}

/// How long a thread may be seen asleep with the signal blocked: C libraries block
/// all signals for moments, in which a thread may wait for a lock.
const ASLEEP_BLOCKING: Duration = Duration::from_secs(2);

/// Returns when the thread has answered or is gone.
fn await_answer(
    asked: &Asked,
    threads: &Threads,
    number: i32,
    patience: &mut Patience,
) -> Result<(), SignalFault> {
    let mut blocking = Patience { left: ASLEEP_BLOCKING, ..*patience };
    while !asked.has_answered() {
        let silent = || SignalFault::Silent {
            thread: asked.thread,
            silence: threads.status(asked.thread).silence(number),
        };
        let goes_on = patience.wait();
        if patience.has_looked_a_while() {
            let status = threads.status(asked.thread);
            if status.is_gone() {
                return Ok(());
            }
            let is_awake = !(status.sleeps() && status.evades(number));
            blocking.last = if is_awake { patience.last } else { blocking.last };
            if !is_awake && !blocking.pass(patience.last) {
                return Err(silent());
            }
        }
        if !goes_on && !asked.has_answered() {
            return Err(silent());
        }
    }
    Ok(())
}

/// Time to wait, by the clock.
///
/// It is taken in small steps. One that took much longer than it should is
/// counted as [`STEP`](Self::STEP): then it was this thread that did not run,
/// because its process was stopped or the machine slept, and those it waits
/// for may have had no time either.
#[derive(Clone, Copy)]
struct Patience {
    left: Duration,
    last: Instant,
    looks: u32,
}

impl Patience {
    const STEP: Duration = Duration::from_millis(20);

    fn new(left: Duration) -> Self {
        Self { left, last: Instant::now(), looks: 0 }
    }

    /// Lets others run; whether there is patience left.
    fn wait(&mut self) -> bool {
        self.looks += 1;
        match self.has_looked_a_while() {
            false => thread::yield_now(),
            true => thread::sleep(Duration::from_millis(1)),
        }
        self.pass(Instant::now())
    }

    fn wait_or(&mut self, fault: SignalFault) -> Result<(), SignalFault> {
        if self.wait() { Ok(()) } else { Err(fault) }
    }

    /// Most answers come within a few looks.
    fn has_looked_a_while(&self) -> bool {
        self.looks > 100
    }

    /// Lets time pass until `now`; whether there is patience left.
    fn pass(&mut self, now: Instant) -> bool {
        let step = now.saturating_duration_since(self.last).min(Self::STEP);
        self.last = now;
        self.left = self.left.saturating_sub(step);
        !self.left.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_of_the_whole_process_costs_no_more_patience_than_a_step() {
        let mut patience = Patience::new(Duration::from_secs(1));
        let start = patience.last;
        assert!(patience.pass(start + Duration::from_secs(3600)));
        assert_eq!(patience.left, Duration::from_millis(980));
        let steps = (1..).take_while(|&step| {
            patience.pass(start + Duration::from_secs(3600) + Duration::from_millis(10) * step)
        });
        assert_eq!(steps.count(), 97, "and then it ends");
    }
}
