//! Threads that call a function, and one that replaces it: who must see which version.

use std::fmt;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use bonfire_code::Fault;

/// What all threads watch.
#[derive(Default)]
pub(crate) struct Watch {
    /// The newest version that was published.
    newest: AtomicI64,
    /// How often a caller has met a version that waits for all callers.
    met: AtomicI64,
    versions: AtomicI64,
    calls: AtomicI64,
    stale: AtomicI64,
    mixed: AtomicI64,
}

/// What came of it.
pub(crate) struct Counts {
    versions: i64,
    calls: i64,
    stale: i64,
    mixed: i64,
}

/// Stands for the newest version when all is done.
const DONE: i64 = i64::MAX;
/// Each version that this divides waits until all callers have met it.
const WAITS: i64 = 8;

/// What was executed, as far as its result tells.
pub(crate) enum Seen {
    /// This version.
    Version(i64),
    /// One of two that take turns: that of the even versions, or of the odd ones.
    Even(bool),
    /// Neither.
    Mixture,
}

impl Watch {
    /// Calls until all is done. `call` takes an argument.
    pub(crate) fn look(&self, call: impl Fn(i64) -> Seen) {
        let (mut calls, mut last) = (0, 0);
        loop {
            // PAIRS(newest): with `publish`: what was published before is executed.
            let newest = self.newest.load(Acquire);
            if newest == DONE {
                break;
            }
            // No newer one is made before this call is done.
            let is_alone = newest != last && newest % WAITS == 0;
            self.judge(call(calls % 1_000), newest, is_alone);
            if is_alone {
                // PAIRS(met): with `publish`: the call comes before what is done next.
                self.met.fetch_add(1, Release);
            }
            last = newest;
            calls += 1;
        }
        self.calls.fetch_add(calls, Relaxed);
    }

    /// Counts what a call executed that began when `newest` was published, and during which no
    /// other was if it `is_alone`.
    fn judge(&self, seen: Seen, newest: i64, is_alone: bool) {
        let (is_stale, is_mixed) = match seen {
            Seen::Version(version) => (version < newest, false),
            Seen::Even(even) => (is_alone && even != (newest % 2 == 0), false),
            Seen::Mixture => (false, true),
        };
        self.stale.fetch_add(is_stale.into(), Relaxed);
        self.mixed.fetch_add(is_mixed.into(), Relaxed);
    }

    /// Publishes version after version beside so many `callers`: `next` makes one, and says what
    /// this thread itself executes then.
    pub(crate) fn publish(
        &self,
        time: Duration,
        callers: usize,
        mut next: impl FnMut(i64) -> Result<Seen, Fault>,
    ) -> Result<(), Fault> {
        let start = Instant::now();
        let outcome = (1..).take_while(|_| start.elapsed() < time).try_for_each(|version| {
            self.judge(next(version)?, version, true);
            self.versions.store(version, Relaxed);
            // PAIRS(newest): with `look`.
            self.newest.store(version, Release);
            let waits_for = if version % WAITS == 0 { version / WAITS * callers as i64 } else { 0 };
            // PAIRS(met): with `look`.
            while self.met.load(Acquire) < waits_for {
                std::thread::yield_now();
            }
            Ok(())
        });
        self.newest.store(DONE, Release);
        outcome
    }

    /// What came of it, when all threads are done.
    pub(crate) fn counts(&self) -> Counts {
        let [versions, calls, stale, mixed] =
            [&self.versions, &self.calls, &self.stale, &self.mixed].map(|count| count.load(Relaxed));
        Counts { versions, calls, stale, mixed }
    }
}

impl Counts {
    /// How many calls were.
    pub(crate) fn wrong(&self) -> i64 {
        self.stale + self.mixed
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { versions, calls, stale, mixed } = self;
        write!(f, "{versions} versions, {calls} calls, {stale} stale, {mixed} mixed")
    }
}
