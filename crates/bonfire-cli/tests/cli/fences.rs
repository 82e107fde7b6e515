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

use crate::filters::BARRIERS;
use crate::support::{Filter, run, stderr, stdout};

const PAIRS: [&str; 4] = ["refuse", "full", "signal", "process"];

/// Store buffering with the memory fence in every situation: threads that spin,
/// sleep, come and go, change CPUs, or register late.
fn arguments(subject: &str) -> [&str; 6] {
    ["--subject", subject, "--filter", "ordering/SB/PRIVATE_EXPEDITED/", "--budget", "5"]
}

/// One run at a time: each has two threads that must run at once.
static CPUS: Mutex<()> = Mutex::new(());

/// What came of a run that could tell: on busy CPUs one budget may not do.
fn told(run: impl Fn() -> Output) -> Option<(i32, String)> {
    let _alone = CPUS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut outputs = (0..3).map(|_| run());
    let told = outputs.find(|output| output.status.code() != Some(2))?;
    let text = format!("{}{}", stdout(&told), stderr(&told));
    Some((told.status.code()?, text))
}

/// That each of these pairs gets this verdict. Where the twins stay silent there is
/// none, which is seen as a skip.
fn check(expected: i32, pairs: &[&str], run: impl Fn(&[&str]) -> Output) {
    for pair in pairs {
        let subject = format!("fences={pair}");
        let Some((status, report)) = told(|| run(&arguments(&subject))) else {
            bonfire_skip::say(Cause::Processor("showed no reordering to twins without a fence"));
            continue;
        };
        assert_eq!(status, expected, "{report}");
        assert!(report.contains(&format!("of {subject}")), "{report}");
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

#[test]
fn fences_that_refuse_leave_nothing_to_judge_where_a_filter_hides_the_call() {
    let absent = Filter { commands: vec![], errno: 38 };
    let output = absent.run(&arguments("fences=refuse"));
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("QUERY fails"), "{}", stderr(&output));
}

#[test]
fn fences_that_believe_a_liar_are_convicted_with_it() {
    let lying = Filter { commands: BARRIERS.to_vec(), errno: 0 };
    check(1, &PAIRS, |what| lying.run(what));
}
