//! The conformance suite on the engine, in every design: as it is, and on a
//! machine that does not poke, which the suite must see.

use std::collections::BTreeSet;

use bonfire_conformance::{Case, Group, Observer, Options as Limits, Outcome, Verdict, cases, run};
use bonfire_engine::{Design, Engine, for_design};
use bonfire_skip::{Cause, skip};
use bonfire_threads::{Faults, On, OnThreads, Options, Virtual};

/// How often cases are tried, and for how long at a time: a busy host may leave the
/// virtual CPUs too little time to meet.
const TRIES: u64 = 3;
const BUDGET_NS: u64 = 5_000_000_000;

/// The cases that have not yet got the verdict that they should.
struct Pending {
    expected: Verdict,
    ids: BTreeSet<String>,
    /// Verdicts that no luck excuses.
    wrong: Vec<String>,
}

impl Observer for Pending {
    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        if outcome.verdict == self.expected {
            self.ids.remove(&case.to_string());
        } else if outcome.verdict == Verdict::DoesNotConform {
            self.wrong.push(format!("{case}: {outcome:?}"));
        }
    }
}

/// Runs the cases that are `selected` until each has got the verdict that is
/// `expected`, and returns those that never did.
fn untold<K: OnThreads>(faults: Faults, selected: fn(&Case) -> bool, expected: Verdict) -> BTreeSet<String> {
    let subject = Virtual::<K>::new(Options { faults, ..Options::default() });
    let subject = subject.expect("the host starts threads");
    let ids = cases().filter(selected).map(|case| case.to_string()).collect();
    let mut pending = Pending { expected, ids, wrong: Vec::new() };
    for seed in 0..TRIES {
        let left = pending.ids.clone();
        let limits = Limits { budget_ns: BUDGET_NS, seed };
        run(&subject, &|case| left.contains(&case.to_string()), limits, &mut pending);
        assert!(pending.wrong.is_empty(), "{}: {:#?}", Engine::<K>::DESIGN, pending.wrong);
        if pending.ids.is_empty() {
            break;
        }
    }
    pending.ids
}

/// Those that got no verdict, for a skip that is seen.
fn on_every_design(faults: Faults, selected: fn(&Case) -> bool, expected: Verdict) -> Option<String> {
    let mut all = Vec::new();
    for design in Design::ALL {
        let ids = for_design!(design, D => untold::<On<D>>(faults, selected, expected));
        if !ids.is_empty() {
            all.push(format!("{design}: {ids:?}"));
        }
    }
    (!all.is_empty()).then(|| format!("did not show whether {expected}: {}", all.join("; ")))
}

fn is_answer_or_lifetime(case: &Case) -> bool {
    matches!(case.group(), Group::Abi | Group::Lifetime)
}

#[test]
fn answers_and_lifetimes_conform() {
    let untold = on_every_design(Faults::NONE, is_answer_or_lifetime, Verdict::Conforms);
    assert_eq!(untold, None, "answers hang on no processor");
}

/// Of the shapes of two threads, x86 shows these two.
#[cfg(target_arch = "x86_64")]
mod on_x86 {
    use super::*;

    /// With each of the five commands.
    fn is_basic_race(case: &Case) -> bool {
        let id = case.to_string();
        let shape = id.starts_with("ordering/SB/") || id.starts_with("ordering/R/");
        shape && id.ends_with("/spinning")
    }

    #[test]
    fn barriers_conform() {
        assert_eq!(cases().filter(is_basic_race).count(), 10);
        if let Some(untold) = on_every_design(Faults::NONE, is_basic_race, Verdict::Conforms) {
            skip!(Cause::Processor(&untold));
        }
    }

    #[test]
    fn a_machine_that_does_not_poke_is_convicted_by_every_command() {
        if let Some(untold) = on_every_design(Faults::NO_POKE, is_basic_race, Verdict::DoesNotConform) {
            skip!(Cause::Processor(&untold));
        }
    }
}
