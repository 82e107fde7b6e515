//! What the same right kernel, and the same liar, get on processors that differ, on
//! one that is busy, in emulators, on machines whose caches lie.

use std::collections::BTreeMap;

use bonfire_conformance::{Case, Group, Options, Outcome, Reason, Verdict};

use crate::simulated::{AMD, EMULATOR, Fault, INTEL, LOADED, Processor, QUICK_EMULATOR, judge};

fn all(case: &Case) -> bool {
    case.group().is_usual()
}

fn is_first_litmus(case: &Case) -> bool {
    case.to_string() == "ordering/SB/PRIVATE_EXPEDITED/spinning"
}

type Counts = BTreeMap<&'static str, usize>;

/// The reasons of all cases that do not conform, with how many there are.
fn reasons(outcomes: &[(Case, Outcome)]) -> Counts {
    let mut reasons = Counts::new();
    for reason in outcomes.iter().filter_map(|(_, outcome)| outcome.reason) {
        *reasons.entry(reason.name()).or_default() += 1;
    }
    reasons
}

/// A budget of the machine's clock: more where much of it is lost, and where a
/// conviction ends most cases early.
fn options(processor: Processor, fault: Option<Fault>, seed: u64) -> Options {
    let seconds = if processor.loses_cpu.is_some() {
        6
    } else if fault.is_some() {
        4
    } else {
        1
    };
    Options { budget_ns: seconds * 1_000_000_000, seed }
}

fn check(processor: Processor, fault: Option<Fault>, expected: &[(&'static str, usize)]) {
    for seed in 0..2 {
        let outcomes = judge(processor, fault, &all, options(processor, fault, seed));
        let expected: Counts = expected.iter().copied().collect();
        let is_usual =
            |outcome: &Outcome| outcome.reason.is_none_or(|reason| reason.name() == "architecture");
        let shown = outcomes.iter().filter(|(_, outcome)| !is_usual(outcome));
        let shown: Vec<String> = shown.map(|(case, outcome)| format!("{case}: {outcome:?}")).collect();
        assert_eq!(reasons(&outcomes), expected, "seed {seed}, {processor:?}\n{shown:#?}");
    }
}

/// The cases of shapes that need more than a store that is overtaken.
const OTHERS: usize = 74;
/// Those in which a light thread's store is overtaken, and only the caller's.
const LIGHT: usize = 39;
const CALLER: usize = 5;
/// The races about instructions, and about restartable sections.
const CODE: usize = 2;
const SECTIONS: usize = 7;

#[test]
fn a_right_kernel_conforms_in_all_that_a_processor_shows() {
    check(INTEL, None, &[("architecture", OTHERS)]);
    check(AMD, None, &[("architecture", OTHERS), ("call_empties_buffer", CALLER)]);
}

#[test]
fn other_programs_change_nothing() {
    check(LOADED, None, &[("architecture", OTHERS), ("call_empties_buffer", CALLER)]);
}

#[test]
fn a_liar_is_convicted_by_all_that_a_processor_shows() {
    let liar = Some(Fault::DoesNothing);
    let shown = LIGHT + CODE + SECTIONS;
    check(INTEL, liar, &[("architecture", OTHERS), ("forbidden_outcome", shown + CALLER)]);
    check(
        AMD,
        liar,
        &[("architecture", OTHERS), ("forbidden_outcome", shown), ("call_empties_buffer", CALLER)],
    );
    check(
        LOADED,
        liar,
        &[("architecture", OTHERS), ("forbidden_outcome", shown), ("call_empties_buffer", CALLER)],
    );
}

/// Where nothing can show, a liar gets no other verdict than a right kernel, and
/// no case "cannot tell".
#[test]
fn an_emulator_is_no_kernels_fault() {
    let hidden = [("architecture", OTHERS), ("call_outlasts_stores", LIGHT + CALLER), ("translated", CODE)];
    check(EMULATOR, None, &hidden);
    let liar = [&hidden[..], &[("forbidden_outcome", SECTIONS)]].concat();
    check(EMULATOR, Some(Fault::DoesNothing), &liar);
    let shown = [("architecture", OTHERS), ("call_empties_buffer", CALLER), ("translated", CODE)];
    check(QUICK_EMULATOR, None, &shown);
}

/// That there is one CPU is a fact, which no time changes; that others may not be used is none.
#[test]
fn one_cpu_shows_little_and_says_why() {
    let one = Processor { cpus: 1, ..INTEL };
    let untold = LIGHT + CALLER + SECTIONS + 1;
    for (cpus_online, reason, verdict) in
        [(1, "machine_too_small", Verdict::NotObservable), (4, "too_few_cpus", Verdict::CannotTell)]
    {
        let outcomes = judge(Processor { cpus_online, ..one }, None, &all, options(one, None, 0));
        assert_eq!(reasons(&outcomes)[reason], untold);
        let got = |wanted| outcomes.iter().filter(|(_, outcome)| outcome.verdict == wanted).count();
        assert_eq!(got(Verdict::DoesNotConform), 0);
        assert_eq!(got(Verdict::CannotTell), if verdict == Verdict::CannotTell { untold } else { 0 });
    }
}

/// Two CPUs of an emulator that takes them in turns, and of one whose host is busy: the
/// one can show nothing for good, the other nothing for now.
#[test]
fn turns_are_a_fact_and_a_busy_host_is_none() {
    let turns = Processor { turn_ns: Some(4_000_000), ..QUICK_EMULATOR };
    let hidden = [("architecture", OTHERS), ("one_cpu_at_a_time", LIGHT + CALLER), ("translated", CODE)];
    let races = |case: &Case| matches!(case.group(), Group::Ordering | Group::SyncCore);
    let outcomes = judge(turns, None, &races, options(turns, None, 1));
    assert_eq!(reasons(&outcomes), hidden.into_iter().collect(), "{outcomes:?}");
    let busy = Processor { turn_ns: Some(4_000_000), idle_turns: 3, ..QUICK_EMULATOR };
    let short = Options { budget_ns: 300_000_000, seed: 1 };
    let outcome = judge(busy, None, &is_first_litmus, short)[0].1;
    assert_eq!(
        (outcome.verdict, outcome.reason),
        (Verdict::CannotTell, Some(Reason::TwinSilent)),
        "{outcome:?}"
    );
}

/// Hardware that keeps old code is told from a kernel that does not serialise: there
/// the thread's own serialising does not help either.
#[test]
fn where_code_stays_old_whatever_is_done_nothing_is_judged() {
    let keeps = Processor { keeps_code: Some(3), ..INTEL };
    check(keeps, None, &[("architecture", OTHERS), ("stale_anyway", CODE)]);
}

/// What became of the first litmus of a right kernel, where the caches lie in so
/// many of the first processes: the probe, the measurement, and two sessions.
fn lied_to(processor: Processor, lies: u32, lies_in: u64) -> Outcome {
    let processor = Processor { lies: Some(lies), lies_in, ..processor };
    judge(processor, None, &is_first_litmus, options(processor, None, 5))[0].1
}

/// Of a kernel that does nothing but answer, the count says so; whether it disturbs
/// anybody it cannot be asked, since nothing it does is counted.
#[test]
fn interrupts_are_counted() {
    let counted = |case: &Case| case.group() == Group::Interrupts;
    let check = |processor: Processor, fault, expected: [usize; 4]| {
        let outcomes = judge(processor, fault, &counted, options(processor, fault, 3));
        let got =
            Verdict::ALL.map(|verdict| outcomes.iter().filter(|(_, got)| got.verdict == verdict).count());
        assert_eq!(got, expected, "{outcomes:#?}");
    };
    let four = Processor { cpus: 4, cpus_online: 4, ..AMD };
    check(four, None, [7, 0, 0, 0]);
    check(AMD, None, [6, 0, 0, 1]);
    check(LOADED, None, [6, 0, 0, 1]);
    check(four, Some(Fault::DoesNothing), [0, 5, 2, 0]);
}

#[test]
fn caches_that_lie_once_convict_nobody_in_an_emulator() {
    let outcome = lied_to(QUICK_EMULATOR, 40, 3);
    assert_eq!(outcome.reason.map(|reason| reason.name()), Some("unconfirmed"), "{outcome:?}");
    assert_eq!((outcome.verdict, outcome.evidence.sessions), (Verdict::CannotTell, 1));
}

/// A second session may see it, too; the report says that the verdict rests on two.
#[test]
fn a_verdict_says_on_how_many_sessions_it_rests() {
    let emulated = lied_to(QUICK_EMULATOR, 40, u64::MAX);
    assert_eq!((emulated.verdict, emulated.evidence.sessions), (Verdict::DoesNotConform, 2), "{emulated:?}");
    // Seldom, where the twin shows it often: no cause but a barrier on hardware.
    let rare = lied_to(INTEL, 800, u64::MAX);
    assert_eq!((rare.verdict, rare.evidence.sessions), (Verdict::DoesNotConform, 1), "{rare:?}");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let with = |seed| judge(LOADED, None, &is_first_litmus, options(LOADED, None, seed));
    assert_eq!(with(9), with(9));
    assert_ne!(with(9), with(10));
}
