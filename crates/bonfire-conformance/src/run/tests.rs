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
        if task != case::PROBE && measure::part(task).is_none() {
            self.arena.counts.add(true, false);
            // All that it may take, without what is left for a slow end.
            let given_ns = self.arena.limit_ns() - self.now_ns.get();
            self.now_ns.set(self.now_ns.get() + given_ns);
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

/// Runs these in silence, and returns what each process was given.
fn given_ns(selected: &dyn Fn(&Case) -> bool) -> Vec<u64> {
    let arena = Box::leak(Box::new(Arena::new()));
    let silence = Silence { arena, now_ns: Cell::new(0), given_ns: RefCell::default() };
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
