//! Kernels that are wrong on purpose, on a simulated machine: for each, the cases
//! that were declared fail, and no others.

use crate::simulated::{FAULTS, INTEL, judge, must_fail};
use bonfire_conformance::{Case, Group, Options, Verdict, cases};

/// Every group but the hunts; of the ordering cases those that every barrier
/// has and that show where stores are buffered, and those of processes that share
/// an address space.
fn selected(case: &Case) -> bool {
    let id = case.to_string();
    let shows = ["/SB/", "/R/", "/R+P1/"].iter().any(|shape| id.contains(shape));
    match case.group() {
        Group::Hunt => false,
        Group::Ordering => {
            shows && ["/spinning", "/clone_vm", "/vfork"].iter().any(|last| id.ends_with(last))
        }
        _ => true,
    }
}

#[test]
fn a_fault_fails_the_cases_that_were_declared_and_no_others() {
    for (seed, &(fault, lines)) in (1..).zip(FAULTS) {
        let options = Options { budget_ns: 300_000_000, seed };
        for (case, outcome) in judge(INTEL, Some(fault), &selected, options) {
            let expected = must_fail(&case.to_string(), lines);
            let failed = outcome.verdict == Verdict::DoesNotConform;
            assert_eq!(failed, expected, "{fault:?}: {case}: {outcome:?}");
        }
    }
}

#[test]
fn every_line_of_a_declaration_names_a_case() {
    for (fault, lines) in FAULTS {
        for line in *lines {
            let named = cases().filter(selected).any(|case| must_fail(&case.to_string(), &[line]));
            assert!(named, "{fault:?}: {line}");
        }
    }
}
