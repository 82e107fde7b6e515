//! Verdicts on simulated machines: what the same right kernel, and the same liar,
//! get on processors that differ, on one that is busy, in an emulator, on a machine
//! whose caches lie.

use std::collections::BTreeMap;

use crate::simulated::{AMD, EMULATOR, Fault, INTEL, LOADED, Processor, judge};
use bonfire_conformance::{Case, Group, Outcome, Reason, Verdict};

fn all(case: &Case) -> bool {
    case.group() != Group::Hunt
}

/// The reasons of all cases that do not conform, with how many there are.
fn reasons(outcomes: &[(Case, Outcome)]) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for reason in outcomes.iter().filter_map(|(_, outcome)| outcome.reason) {
        *reasons.entry(reason.name()).or_default() += 1;
    }
    reasons
}

fn check(processor: Processor, fault: Option<Fault>, expected: &[(&'static str, usize)]) {
    for seed in 0..3 {
        let outcomes = judge(processor, fault, &all, seed);
        let expected: BTreeMap<_, _> = expected.iter().copied().collect();
        let shown: Vec<String> = outcomes
            .iter()
            .filter(|(_, outcome)| outcome.reason.is_some_and(|reason| reason.name() != "architecture"))
            .map(|(case, outcome)| format!("{case}: {outcome:?}"))
            .collect();
        assert_eq!(reasons(&outcomes), expected, "seed {seed}, {processor:?}\n{shown:#?}");
    }
}

/// The shapes that need more than a store that is overtaken: on any of these.
const ARCHITECTURE: (&str, usize) = ("architecture", 68);

#[test]
fn a_right_kernel_conforms_in_all_that_a_processor_shows() {
    check(INTEL, None, &[ARCHITECTURE]);
    check(AMD, None, &[ARCHITECTURE, ("call_empties_buffer", 5)]);
}

#[test]
fn other_programs_change_nothing() {
    check(LOADED, None, &[ARCHITECTURE, ("call_empties_buffer", 5)]);
}
