//! What a machine was measured to be able to show.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What was measured of a machine before the cases that race.
///
/// All of it is counts and times as they were; what follows from them is said by
/// the methods, and what that means for a case by the rule (`docs/litmus.md`).
/// All zero where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// How often two threads on different CPUs handed a word to each other, each
    /// spinning for it without leaving its CPU.
    pub handovers: u64,
    /// How long one took among the sixteen in a row that took the least together,
    /// in nanoseconds; 0 where there were not so many.
    pub handover_ns: u64,
    /// How long they spun for it, in nanoseconds.
    pub spinning_ns: u64,
    /// How much of that they had a CPU, both times added up: twice as much if both
    /// had one all along.
    pub spun_ns: u64,
    /// How long some loads took in nanoseconds, one after the other, of lines that
    /// were in the caches.
    pub kept_ns: u64,
    /// The same after these lines had been thrown out.
    pub thrown_out_ns: u64,
    /// How long an ordinary system call takes, in nanoseconds.
    pub call_ns: u64,
    /// How long `QUERY` takes, in nanoseconds.
    pub query_ns: u64,
    /// Rounds in which a store was queued and the other thread waited a known time.
    pub wait_rounds: u64,
    /// Those among them in which the store was still not visible.
    pub waits_seen: u64,
    /// The longest time that a store was seen to wait, in nanoseconds; only what
    /// was exceeded twice counts.
    pub wait_ns: u64,
    /// Rounds in which a store of the caller itself was queued before its call.
    pub own_call_rounds: u64,
    /// Those among them in which it was not visible after the call.
    pub own_call_seen: u64,
    /// Rounds as these, with a wait as long in place of the call.
    pub own_wait_rounds: u64,
    /// Those among them in which the store was not visible after the wait.
    pub own_wait_seen: u64,
    /// Rounds with two stores and two loads that nothing orders but the machine.
    pub order_rounds: u64,
    /// Those among them in which they were seen in another order.
    pub order_seen: u64,
    /// Rounds in which a function was rewritten and called without any barrier.
    pub stale_rounds: u64,
    /// Those among them in which its old form ran.
    pub stale_seen: u64,
    /// Rounds as these, in which the calling thread serialised itself before.
    pub helped_rounds: u64,
    /// Those among them in which the old form ran all the same.
    pub helped_seen: u64,
}

/// How many numbers there are.
pub(crate) const WORDS: usize = 21;

impl Abilities {
    /// The name of each number, in the order of [`words`](Self::words).
    pub const NAMES: [&'static str; WORDS] = [
        "handovers",
        "handover_ns",
        "spinning_ns",
        "spun_ns",
        "kept_ns",
        "thrown_out_ns",
        "call_ns",
        "query_ns",
        "wait_rounds",
        "waits_seen",
        "wait_ns",
        "own_call_rounds",
        "own_call_seen",
        "own_wait_rounds",
        "own_wait_seen",
        "order_rounds",
        "order_seen",
        "stale_rounds",
        "stale_seen",
        "helped_rounds",
        "helped_seen",
    ];

    /// All the numbers, to be carried elsewhere.
    #[must_use]
    pub const fn words(&self) -> [u64; WORDS] {
        [
            self.handovers,
            self.handover_ns,
            self.spinning_ns,
            self.spun_ns,
            self.kept_ns,
            self.thrown_out_ns,
            self.call_ns,
            self.query_ns,
            self.wait_rounds,
            self.waits_seen,
            self.wait_ns,
            self.own_call_rounds,
            self.own_call_seen,
            self.own_wait_rounds,
            self.own_wait_seen,
            self.order_rounds,
            self.order_seen,
            self.stale_rounds,
            self.stale_seen,
            self.helped_rounds,
            self.helped_seen,
        ]
    }

    /// From the numbers that [`words`](Self::words) gave.
    #[must_use]
    pub const fn from_words(words: [u64; WORDS]) -> Self {
        let [
            handovers,
            handover_ns,
            spinning_ns,
            spun_ns,
            kept_ns,
            thrown_out_ns,
            call_ns,
            query_ns,
            wait_rounds,
            waits_seen,
            wait_ns,
            own_call_rounds,
            own_call_seen,
            own_wait_rounds,
            own_wait_seen,
            order_rounds,
            order_seen,
            stale_rounds,
            stale_seen,
            helped_rounds,
            helped_seen,
        ] = words;
        Self {
            handovers,
            handover_ns,
            spinning_ns,
            spun_ns,
            kept_ns,
            thrown_out_ns,
            call_ns,
            query_ns,
            wait_rounds,
            waits_seen,
            wait_ns,
            own_call_rounds,
            own_call_seen,
            own_wait_rounds,
            own_wait_seen,
            order_rounds,
            order_seen,
            stale_rounds,
            stale_seen,
            helped_rounds,
            helped_seen,
        }
    }

    /// Whether two CPUs run at the same time. Two that take turns hand over once in
    /// a turn; two that run at once, however seldom, do so many times in a row.
    #[must_use]
    pub const fn runs_at_once(&self) -> Option<bool> {
        const SHORTER_THAN_A_TURN_NS: u64 = 20_000;
        match (self.handovers, self.handover_ns) {
            (0, _) => None,
            (_, 0) => Some(false),
            (_, handover_ns) => Some(handover_ns < SHORTER_THAN_A_TURN_NS),
        }
    }

    /// Whether the CPUs take turns for good, as an emulator's do that has one thread
    /// for all: they never ran at once, although together they ran for about as long as
    /// one CPU would. Where they ran for less, something else had the machine, and
    /// in a quieter moment they may run at once.
    #[must_use]
    pub const fn takes_turns(&self) -> bool {
        let is_one_cpu =
            self.spun_ns >= self.spinning_ns / 100 * 75 && self.spun_ns <= self.spinning_ns / 100 * 120;
        matches!(self.runs_at_once(), Some(false)) && self.spinning_ns > 0 && is_one_cpu
    }

    /// Whether an instruction throws lines out of the caches.
    #[must_use]
    pub const fn evicts(&self) -> Option<bool> {
        if self.kept_ns == 0 { None } else { Some(self.thrown_out_ns > self.kept_ns / 2 * 3) }
    }

    /// How long the faster of the two ordinary calls takes.
    #[must_use]
    pub fn fastest_call_ns(&self) -> u64 {
        self.call_ns.min(self.query_ns)
    }

    /// Whether a call empties the store buffer of its caller: none of the caller's
    /// stores outlived a call, and many outlived a wait of the same length; so many that
    /// fifty would have outlived a call if that were like a wait.
    #[must_use]
    pub const fn call_empties(&self) -> Option<bool> {
        let fifty_would = self.own_call_rounds * self.own_wait_seen >= 50 * self.own_wait_rounds;
        match (self.own_call_seen, self.own_wait_seen) {
            (2.., _) => Some(false),
            (0, 20..) if fifty_would => Some(true),
            _ => None,
        }
    }

    /// Whether an old instruction runs where nothing serialises; `None` after too
    /// few rounds.
    #[must_use]
    pub const fn goes_stale(&self) -> Option<bool> {
        match self.stale_seen {
            1.. => Some(true),
            0 if self.stale_rounds >= 100 => Some(false),
            0 => None,
        }
    }
}

/// [`Abilities`] in shared memory.
#[repr(C)]
pub(crate) struct Shared([AtomicU64; WORDS]);

impl Shared {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }

    pub(crate) fn get(&self) -> Abilities {
        let mut words = [0; WORDS];
        words.iter_mut().zip(&self.0).for_each(|(to, from)| *to = from.load(Relaxed));
        Abilities::from_words(words)
    }

    pub(crate) fn set(&self, abilities: Abilities) {
        self.0.iter().zip(abilities.words()).for_each(|(to, from)| to.store(from, Relaxed));
    }

    /// Changes some of it. One thread at a time measures.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Abilities)) {
        let mut abilities = self.get();
        change(&mut abilities);
        self.set(abilities);
    }
}

/// As lines of prose, for people.
impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handovers, handover_ns, wait_ns, waits_seen, wait_rounds, .. } = self;
        match self.runs_at_once() {
            Some(true) => write!(f, "two CPUs run at once, and hand over in {handover_ns} ns")?,
            Some(false) if self.takes_turns() => write!(f, "two CPUs take turns ({handovers} handovers)")?,
            Some(false) => write!(
                f,
                "two CPUs were not seen to run at once ({handovers} handovers; they ran for {} of {} ms)",
                self.spun_ns / 1_000_000,
                self.spinning_ns / 1_000_000
            )?,
            None => f.write_str("whether two CPUs run at once was not measured")?,
        }
        write!(
            f,
            "\na queued store waits for up to {wait_ns} ns (seen in {waits_seen} of {wait_rounds} rounds)"
        )?;
        write!(f, "\na call takes {} ns, QUERY {} ns; ", self.call_ns, self.query_ns)?;
        f.write_str(match self.call_empties() {
            Some(true) => "a call empties its caller's store buffer",
            Some(false) => "a call leaves its caller's stores queued",
            None => "whether a call empties its caller's store buffer did not show",
        })?;
        f.write_str(match self.evicts() {
            Some(true) => "\nlines can be thrown out of the caches",
            Some(false) => "\nno instruction throws lines out of the caches",
            None => "\nwhether lines can be thrown out of the caches was not measured",
        })?;
        if self.order_rounds > 0 {
            write!(
                f,
                "\nother accesses changed places in {} of {} rounds",
                self.order_seen, self.order_rounds
            )?;
        }
        if self.stale_rounds > 0 {
            write!(f, "\nan instruction went stale in {} of {} rounds", self.stale_seen, self.stale_rounds)?;
        }
        if self.helped_rounds > 0 {
            write!(
                f,
                ", and in {} of {} although its thread had serialised",
                self.helped_seen, self.helped_rounds
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_come_back_in_their_places() {
        let words = core::array::from_fn(|place| place as u64 + 1);
        assert_eq!(Abilities::from_words(words).words(), words);
        let shared = Shared::new();
        shared.set(Abilities::from_words(words));
        assert_eq!(shared.get().helped_seen, 21);
    }

    #[test]
    fn what_was_not_measured_is_not_known() {
        let nothing = Abilities::default();
        let known = [nothing.runs_at_once(), nothing.evicts(), nothing.call_empties(), nothing.goes_stale()];
        assert_eq!(known, [None; 4]);
    }

    #[test]
    fn two_that_take_turns_run_for_as_long_as_one() {
        let check = |handover_ns, spun_ms: u64, expected| {
            let abilities = Abilities {
                handovers: 40,
                handover_ns,
                spinning_ns: 200_000_000,
                spun_ns: spun_ms * 1_000_000,
                ..Abilities::default()
            };
            assert_eq!(abilities.takes_turns(), expected, "{abilities:?}");
        };
        check(4_000_000, 195, true);
        check(0, 205, true);
        // Others had most of both CPUs, or of one.
        check(4_000_000, 30, false);
        check(4_000_000, 140, false);
        check(200, 390, false);
        assert!(!Abilities::default().takes_turns());
    }

    #[test]
    fn a_call_empties_the_buffer_where_only_waits_are_outlived() {
        let check = |own_call_rounds, own_call_seen, own_wait_seen, expected| {
            let own_wait_rounds = own_call_rounds;
            let abilities = Abilities {
                own_call_rounds,
                own_call_seen,
                own_wait_rounds,
                own_wait_seen,
                ..Abilities::default()
            };
            assert_eq!(abilities.call_empties(), expected, "{abilities:?}");
        };
        check(1000, 0, 400, Some(true));
        check(1000, 300, 400, Some(false));
        check(1000, 0, 3, None);
        check(1000, 0, 49, None);
        check(100, 0, 60, Some(true));
        check(1000, 1, 400, None);
    }
}
