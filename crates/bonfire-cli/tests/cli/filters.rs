//! Filters before the real binary: liars are convicted, refusals are not
//! mistaken for verdicts.

use crate::support::{Filter, stderr, stdout};
use bonfire_abi::Command;

fn convicted(filter: &Filter, arguments: &[&str]) -> String {
    let output = filter.run(arguments);
    let report = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{report}{}", stderr(&output));
    assert!(report.contains("This kernel does not conform."), "{report}");
    report
}

/// Liar (a): everything returns 0.
#[test]
fn a_kernel_that_says_yes_to_all_is_convicted() {
    let report = convicted(&Filter { commands: vec![], errno: 0 }, &["--filter", "abi"]);
    assert!(report.contains("returned 0x0 instead of EINVAL"), "{report}");
}

/// Liar (b): everything but `QUERY` returns 0.
#[test]
fn a_kernel_that_does_nothing_but_answer_is_convicted() {
    let commands = Command::ALL.into_iter().filter(|&command| command != Command::Query).collect();
    let report = convicted(&Filter { commands, errno: 0 }, &["--filter", "abi"]);
    assert!(report.contains("returned 0x0 instead of EPERM"), "{report}");
}

fn cannot_tell(errno: u32, cause: &str) {
    let output = Filter { commands: vec![], errno }.run(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("no verdict"), "{}", stderr(&output));
    assert!(stderr(&output).contains(cause), "{}", stderr(&output));
    assert!(stdout(&output).contains("1 of seccomp"), "{}", stdout(&output));
}

#[test]
fn a_filter_that_hides_the_call_leaves_nothing_to_judge() {
    cannot_tell(38, "no membarrier, or a filter hides it");
}

#[test]
fn a_filter_that_refuses_the_call_leaves_nothing_to_judge() {
    cannot_tell(1, "QUERY fails");
}
