//! How the runner shares out its budget, in a world of silent twins.

extern crate std;

use super::*;
use crate::{Arena, Ending, Group, MemoryOrder, Task};
use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

const BUDGET_NS: u64 = 100_000_000_000;

/// A world in which no twin ever shows anything, and every process takes all
/// the time that it may.
struct Silence {
    arena: &'static Arena,
    now_ns: Cell<u64>,
    /// How long each process was given, but the probe.
    given_ns: RefCell<Vec<u64>>,
    /// What a process takes at the least, however little it was given.
    least_ns: u64,
}

impl Subject for Silence {
    fn arena(&self) -> &Arena {
        self.arena
    }

    fn cpus(&self) -> u32 {
        4
    }

    fn memory_order(&self) -> MemoryOrder {
        MemoryOrder::Weak
    }

    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    fn process(&self, task: Task, _: u64) -> Ending {
        self.arena.entered.store(1, Relaxed);
        self.arena.query.store(i64::from(u32::MAX), Relaxed);
        if task != Task::PROBE && measure::part(task).is_none() {
            self.arena.counts.add(true, false);
            // All that it may take, without what is left for a slow end.
            let given_ns = self.arena.limit_ns() - self.now_ns.get();
            self.now_ns.set(self.now_ns.get() + given_ns.max(self.least_ns));
            self.given_ns.borrow_mut().push(given_ns);
        }
        Ending::Ended
    }
}

/// How often each case was reported.
#[derive(Default)]
struct Reported(BTreeMap<String, u32>);

impl Observer for Reported {
    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        assert_eq!(outcome.reason, Some(Reason::TwinSilent), "{case}");
        *self.0.entry(case.to_string()).or_default() += 1;
    }
}

fn silence(least_ns: u64) -> Silence {
    let arena = Box::leak(Box::new(Arena::new()));
    Silence { arena, now_ns: Cell::new(0), given_ns: RefCell::default(), least_ns }
}

/// Runs these in silence, and returns what each process was given.
fn given_ns(selected: &dyn Fn(&Case) -> bool) -> Vec<u64> {
    let silence = silence(0);
    let mut reported = Reported::default();
    run(&silence, selected, Options { budget_ns: BUDGET_NS, seed: 0 }, &mut reported);
    assert_eq!(reported.0.len(), cases().filter(selected).count());
    assert!(reported.0.values().all(|&times| times == 1), "each case is reported once");
    assert!(silence.now_ns() <= BUDGET_NS / 100 * 95);
    silence.given_ns.into_inner()
}

#[test]
fn who_tells_nothing_takes_nothing_from_who_comes_after() {
    let is_ordering = |case: &Case| case.group() == Group::Ordering;
    let given_ns = given_ns(&is_ordering);
    let count = cases().filter(is_ordering).count();
    let even_ns = BUDGET_NS / count as u64;
    assert!(given_ns[..count].iter().all(|&ns| ns > even_ns / 20), "{given_ns:?}");
}

#[test]
fn who_tells_nothing_is_tried_again() {
    let sb = "ordering/SB/PRIVATE_EXPEDITED/spinning";
    let given_ns = given_ns(&|case| case.to_string() == sb);
    assert_eq!(given_ns.len(), 4, "a long try, and three in fresh processes");
}

/// Where births are slow, cases that race for nothing take their time, too.
#[test]
fn what_is_spent_is_spent_for_small_cases_too() {
    struct Last(Option<Outcome>);
    impl Observer for Last {
        fn ended(&mut self, _: &Case, outcome: &Outcome) {
            self.0 = Some(*outcome);
        }
    }
    let (slow, mut last) = (silence(BUDGET_NS / 50), Last(None));
    let is_answer = |case: &Case| case.group() == Group::Abi;
    let summary = run(&slow, &is_answer, Options { budget_ns: BUDGET_NS, seed: 0 }, &mut last);
    assert!(slow.now_ns() <= BUDGET_NS, "{}", slow.now_ns());
    assert_eq!(last.0.and_then(|outcome| outcome.reason), Some(Reason::NotRun));
    assert!(summary.count(Verdict::Conforms) >= 40, "{summary:?}");
}
