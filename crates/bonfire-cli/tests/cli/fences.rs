//! The crate `bonfire` before the same judge as kernels: its fences play the
//! litmus of the suite in each of the three modes of a kernel.
//!
//! | mode | the kernel's barrier | the verdict on the crate's fences |
//! |---|---|---|
//! | present | is there | they conform |
//! | absent | a filter fails the call | those that fall back conform; the others refuse |
//! | lying | a filter answers 0 | they do not conform, for they believe the kernel |
//!
//! That the crate itself finds the liar out is shown where its self-test is.

use std::process::Output;
use std::sync::{Mutex, PoisonError};

use bonfire_skip::Cause;
use serde_json::Value;

use crate::filters::BARRIERS;
use crate::support::{Filter, run, stderr, stdout};

const PAIRS: [&str; 4] = ["refuse", "full", "signal", "process"];

/// Store buffering with the memory fence in every situation: threads that spin,
/// sleep, come and go, change CPUs, or register late.
fn arguments<'a>(subject: &'a str, budget: &'a str) -> [&'a str; 7] {
    ["--subject", subject, "--filter", "ordering/SB/PRIVATE_EXPEDITED/", "--budget", budget, "--json"]
}

/// Each longer than the last: on busy CPUs one may not do.
const BUDGETS: [&str; 3] = ["5", "10", "20"];

/// One run at a time: each has two threads that must run at once.
static CPUS: Mutex<()> = Mutex::new(());

/// The report of a run that could tell, or of the last that could not.
fn told(run: impl Fn(&str) -> Output) -> Value {
    let _alone = CPUS.lock().unwrap_or_else(PoisonError::into_inner);
    let report = |budget| {
        let output = run(budget);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {}", stderr(&output)))
    };
    let mut reports = BUDGETS.into_iter().map(report);
    let mut last = Value::Null;
    let told = reports.find(|report: &Value| {
        last = report.clone();
        report["exit_status"] != 2
    });
    told.unwrap_or(last)
}

/// That each of these pairs gets this verdict. It may get none only where no case can be
/// observed on this processor, which is seen as a skip.
fn check(expected: i32, pairs: &[&str], run: impl Fn(&[&str]) -> Output) {
    for pair in pairs {
        let subject = format!("fences={pair}");
        let report = told(|budget| run(&arguments(&subject, budget)));
        assert_eq!(report["subject"], *subject, "{report:#}");
        if report["verdict"] == "not observable here" {
            let reason = report["cases"][0]["reason"].as_str().unwrap_or_default();
            bonfire_skip::say(Cause::Processor(&format!("shows nothing of {subject}: {reason}")));
            continue;
        }
        assert_eq!(report["exit_status"], expected, "{report:#}");
    }
}

#[test]
fn every_pair_of_fences_conforms_where_the_kernel_has_the_barrier() {
    check(0, &PAIRS, run);
}

#[test]
fn fences_that_fall_back_conform_where_a_filter_hides_the_call() {
    let absent = Filter { commands: vec![], errno: 38 };
    check(0, &["full", "signal", "process"], |what| absent.run(what));
}

/// A signal goes to the threads of a process, and is not judged by what else there is.
#[test]
fn fences_by_signal_are_judged_by_threads_of_a_process_only() {
    let listed = |pair: &str, filter: &str| {
        let output = run(&["--list", "--subject", &format!("fences={pair}"), "--filter", filter]);
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    for filter in ["SB/PRIVATE_EXPEDITED/clone_vm", "SB/PRIVATE_EXPEDITED/vfork"] {
        assert_eq!(listed("full", filter).0, Some(0));
        let (status, says) = listed("signal", filter);
        assert!(status == Some(2) && says.contains("between threads of one process"), "{says}");
    }
    assert_eq!(listed("signal", "SB/PRIVATE_EXPEDITED/sleeping").0, Some(0));
}

#[test]
fn fences_that_refuse_leave_nothing_to_judge_where_a_filter_hides_the_call() {
    let absent = Filter { commands: vec![], errno: 38 };
    let output = absent.run(&arguments("fences=refuse", "5"));
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("QUERY fails"), "{}", stderr(&output));
}

#[test]
fn fences_that_believe_a_liar_are_convicted_with_it() {
    let lying = Filter { commands: BARRIERS.to_vec(), errno: 0 };
    check(1, &PAIRS, |what| lying.run(what));
}
