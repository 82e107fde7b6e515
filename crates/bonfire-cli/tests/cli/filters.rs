//! Filters before the real binary: liars are convicted, refusals are not
//! mistaken for verdicts.

use crate::support::{Filter, stderr, stdout};
use bonfire_abi::Command;

/// The commands that are barriers: all that a liar must fake to be useless.
pub(crate) const BARRIERS: [Command; 5] =
    [Command::Global, Command::GlobalExpedited, Command::PrivateExpedited, Command::SyncCore, Command::Rseq];

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

/// Liar (c): only the barriers are missing; `QUERY` and the registrations are the
/// kernel's, so that no answer gives it away. Only a litmus can. A machine that
/// is busy with other things may need more than one budget to show it.
#[test]
fn a_kernel_without_barriers_is_convicted_by_its_ordering() {
    let filter = Filter { commands: BARRIERS.to_vec(), errno: 0 };
    let mut outputs = (0..5).map(|_| filter.run(&["--filter", "ordering/SB/PRIVATE", "--budget", "10"]));
    let told =
        outputs.find(|output| output.status.code() != Some(2)).expect("five budgets are enough to tell");
    let report = stdout(&told);
    assert_eq!(told.status.code(), Some(1), "{report}");
    assert!(report.contains("an outcome was seen that the barrier forbids"), "{report}");
    assert!(report.contains("  ordering/SB/PRIVATE_EXPEDITED/"), "{report}");
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
