//! Kernels that are wrong on purpose: for each, the cases that were declared
//! fail, and no others; and for one that is right, none.
//!
//! What a missing barrier shows depends on the machine; the declarations are
//! for one that buffers stores.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod simulated;

use std::sync::{Mutex, PoisonError};

use bonfire_conformance::{Case, Group, Observer, Options, Outcome, Verdict, cases, run};
use simulated::{FAULTS, Simulated, must_fail};

const SECOND: u64 = 1_000_000_000;

/// Every group but the hunts; of the ordering cases those that every barrier
/// has and that show on this machine.
fn selected(case: &Case) -> bool {
    let id = case.to_string();
    let shows = ["/SB/", "/R/", "/R+P1/"].iter().any(|shape| id.contains(shape));
    match case.group() {
        Group::Hunt => false,
        Group::Ordering => shows && id.ends_with("/spinning"),
        _ => true,
    }
}

/// Runs one case on a fresh machine.
fn judge(case: &Case, machine: &Simulated, budget_ns: u64) -> Outcome {
    struct Last(Option<Outcome>);
    impl Observer for Last {
        fn ended(&mut self, _: &Case, outcome: &Outcome) {
            self.0 = Some(*outcome);
        }
    }
    let mut last = Last(None);
    run(machine, &|other| other == case, Options { budget_ns, seed: 7 }, &mut last);
    last.0.expect("the case was selected")
}

/// The machines have real threads that spin on real CPUs: one at a time.
static CPUS: Mutex<()> = Mutex::new(());

/// A fresh machine, or none (and a word why) where the host has no barrier to lend.
fn machine(fault: Option<simulated::Fault>) -> Option<Simulated> {
    let machine = Simulated::new(fault);
    if machine.is_none() {
        println!("skipped: needs a host with PRIVATE_EXPEDITED (Linux 4.14 or newer, no filter)");
    }
    machine
}

#[test]
fn a_fault_fails_the_cases_that_were_declared_and_no_others() {
    let _guard = CPUS.lock().unwrap_or_else(PoisonError::into_inner);
    for &(fault, lines) in FAULTS {
        for case in cases().filter(selected) {
            let Some(machine) = machine(Some(fault)) else { return };
            let id = case.to_string();
            let expected = must_fail(&id, lines);
            // What is to fail does so at once, but may take its time on a busy
            // machine; what is not gets a fair chance to.
            let budget_ns = if expected { 60 * SECOND } else { SECOND / 100 };
            let outcome = judge(&case, &machine, budget_ns);
            let failed = outcome.verdict == Verdict::DoesNotConform;
            assert_eq!(failed, expected, "{fault:?}: {id}: {outcome:?}");
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

#[test]
fn a_kernel_without_a_fault_conforms() {
    let _guard = CPUS.lock().unwrap_or_else(PoisonError::into_inner);
    for case in cases().filter(selected) {
        let Some(machine) = machine(None) else { return };
        // A busy machine may need longer until the twins have shown enough.
        let budgets_ns = [SECOND / 4, 5 * SECOND, 60 * SECOND];
        let mut outcomes = budgets_ns.into_iter().map(|budget_ns| judge(&case, &machine, budget_ns));
        let outcome = outcomes.find(|outcome| outcome.verdict != Verdict::CannotTell);
        assert_eq!(outcome.map(|outcome| outcome.verdict), Some(Verdict::Conforms), "{case}: {outcome:?}");
    }
}
