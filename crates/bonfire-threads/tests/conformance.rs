//! The conformance suite on the engine, in every design: as it is, and on a
//! machine that does not poke, which the suite must see.

use std::collections::BTreeMap;
use std::time::Duration;

use bonfire_conformance::{Case, Group, Observer, Options as Limits, Outcome, Verdict, cases, run};
use bonfire_engine::{Design, Engine, Running, Threads, for_design};
use bonfire_skip::{Cause, skip};
use bonfire_threads::{Faults, On, OnThreads, Options, Virtual};

/// How often cases are tried, and for how long at a time: a busy host may leave the
/// virtual CPUs too little time to meet.
const TRIES: u64 = 3;
const BUDGET_NS: u64 = 5_000_000_000;

/// The cases that have not yet got the verdict that they should.
struct Pending {
    expected: Verdict,
    /// Each with what became of it last.
    ids: BTreeMap<String, Option<Outcome>>,
    /// Verdicts that no luck excuses.
    wrong: Vec<String>,
}

impl Observer for Pending {
    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        if outcome.verdict == self.expected {
            self.ids.remove(&case.to_string());
            return;
        }
        if outcome.verdict == Verdict::DoesNotConform {
            self.wrong.push(format!("{case}: {outcome:?}"));
        }
        self.ids.insert(case.to_string(), Some(*outcome));
    }
}

/// Runs the cases that are `selected` until each has got the verdict that is
/// `expected`, and returns those that never did.
fn untold<K: OnThreads>(
    options: Options,
    selected: fn(&Case) -> bool,
    expected: Verdict,
) -> BTreeMap<String, Option<Outcome>> {
    let subject = Virtual::<K>::new(options).expect("the host starts threads");
    let ids = cases().filter(selected).map(|case| (case.to_string(), None)).collect();
    let mut pending = Pending { expected, ids, wrong: Vec::new() };
    for seed in 0..TRIES {
        let left = pending.ids.clone();
        let limits = Limits { budget_ns: BUDGET_NS, seed };
        run(&subject, &|case| left.contains_key(&case.to_string()), limits, &mut pending);
        assert!(pending.wrong.is_empty(), "{}: {:#?}", Engine::<K>::DESIGN, pending.wrong);
        if pending.ids.is_empty() {
            break;
        }
    }
    pending.ids
}

fn without(faults: Faults) -> Options {
    Options { faults, ..Options::default() }
}

/// Those that got no verdict, for a skip that is seen.
fn on_every_design(faults: Faults, selected: fn(&Case) -> bool, expected: Verdict) -> Option<String> {
    let mut all = Vec::new();
    for design in Design::ALL {
        let ids = for_design!(design, D => untold::<On<D>>(without(faults), selected, expected));
        if !ids.is_empty() {
            all.push(format!("{design}: {:?}", ids.keys()));
        }
    }
    (!all.is_empty()).then(|| format!("to show that it {expected}: {}", all.join("; ")))
}

fn is_answer_or_lifetime(case: &Case) -> bool {
    matches!(case.group(), Group::Abi | Group::Lifetime)
}

#[test]
fn answers_and_lifetimes_conform() {
    let untold = on_every_design(Faults::NONE, is_answer_or_lifetime, Verdict::Conforms);
    assert_eq!(untold, None, "answers hang on no processor");
}

/// The three that need one kind of registration only, which this machine has.
fn is_section(case: &Case) -> bool {
    case.group() == Group::Rseq
        && !case.to_string().ends_with("legacy")
        && !case.to_string().ends_with("extended")
}

/// The twin of a lost abort: sections that are restarted.
#[test]
fn sections_are_restarted_and_an_abort_that_is_lost_is_found() {
    assert_eq!(cases().filter(is_section).count(), 3);
    for design in [Design::Running, Design::Threads] {
        for (faults, expected) in
            [(Faults::NONE, Verdict::Conforms), (Faults::LOST_ABORTS, Verdict::DoesNotConform)]
        {
            // A pre-emption restarts sections, too, and a caller who waits for its turn on
            // the host wipes the slot too late to catch anybody: so few of the one, and if
            // that is allowed, none of the other.
            let tick = Duration::from_millis(200);
            let options = Options { tick, realtime: true, ..without(faults) };
            let untold = for_design!(design, D => untold::<On<D>>(options, is_section, expected));
            assert_eq!(untold, BTreeMap::new(), "{design}: {faults:?}");
        }
    }
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
            skip!(Cause::Busy(&untold));
        }
    }

    fn lends_memory(case: &Case) -> bool {
        case.lends_memory() && case.to_string().starts_with("ordering/SB/PRIVATE_EXPEDITED/")
    }

    /// Whoever shares the memory and not the process is missed by a walk over the
    /// threads of a process, and by no other.
    #[test]
    fn a_walk_over_one_process_misses_who_borrows_its_memory() {
        assert_eq!(cases().filter(lends_memory).count(), 2);
        let is_plain = |case: &Case| case.to_string() == "ordering/SB/PRIVATE_EXPEDITED/spinning";
        let fault = Faults::WALK_OF_A_PROCESS;
        let untold = [
            untold::<On<Threads>>(without(fault), lends_memory, Verdict::DoesNotConform),
            untold::<On<Threads>>(without(fault), is_plain, Verdict::Conforms),
            untold::<On<Threads>>(without(Faults::NONE), lends_memory, Verdict::Conforms),
            untold::<On<Running>>(without(fault), lends_memory, Verdict::Conforms),
        ];
        let untold: Vec<String> = untold.into_iter().flat_map(BTreeMap::into_keys).collect();
        if !untold.is_empty() {
            skip!(Cause::Busy(&format!("in three budgets for {untold:?}")));
        }
    }

    #[test]
    fn a_machine_that_does_not_poke_is_convicted_by_every_command() {
        if let Some(untold) = on_every_design(Faults::NO_POKE, is_basic_race, Verdict::DoesNotConform) {
            skip!(Cause::Busy(&untold));
        }
    }
}
