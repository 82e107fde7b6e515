//! Counts of interrupts, read from a file: the running kernel's, and such as no
//! kernel's are.

use std::fs;
use std::path::PathBuf;

use bonfire_skip::{Cause, skip};
use serde_json::Value;

use crate::support::{run, stderr, stdout};

/// Where Linux counts, on x86, what one CPU has another do.
const CALLS: &str = "/proc/interrupts:CAL";

/// The report of the cases that read this count.
fn report(counter: &str, filter: &str, budget: &str) -> Value {
    let output = run(&["--interrupts", counter, "--filter", filter, "--budget", budget, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {}", stderr(&output)))
}

/// A file of this name with this in it.
fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bonfire-{name}-{}", std::process::id()));
    fs::write(&path, text).expect("a file can be written");
    path
}

#[test]
fn the_running_kernel_interrupts_whom_it_must_and_nobody_else() {
    let table = fs::read_to_string("/proc/interrupts").unwrap_or_default();
    if !table.lines().any(|line| line.trim_start().starts_with("CAL:")) {
        skip!(Cause::Kernel("has no line CAL in /proc/interrupts"));
    }
    let mut reports = ["5", "15"].into_iter().map(|budget| report(CALLS, "interrupts", budget));
    let mut last = Value::Null;
    let told = reports.find(|report| {
        last = report.clone();
        report["exit_status"] != 2
    });
    let report = told.unwrap_or(last);
    assert_eq!(report["counts"]["does_not_conform"], 0, "{report:#}");
    assert_eq!(report["exit_status"], 0, "{report:#}");
    assert_eq!(report["environment"]["interrupts"], CALLS);
}

/// A count that nothing raises is that of a kernel that interrupts nobody.
#[test]
fn a_count_that_stands_still_convicts() {
    let still = file("still", "CAL: 7 9 somebody's\n");
    let report = report(&format!("{}:CAL", still.display()), "PRIVATE_EXPEDITED/beside-1", "5");
    fs::remove_file(still).unwrap();
    assert_eq!(report["exit_status"], 1, "{report:#}");
    let case = &report["cases"][0];
    assert_eq!(
        (&case["group"], &case["cause"]),
        (&"interrupts".into(), &"forbidden_outcome".into()),
        "{case:#}"
    );
}

#[test]
fn what_is_no_count_is_refused_before_the_run() {
    let refused = |arguments: &[&str], says: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        for says in says {
            assert!(stderr(&output).contains(says), "{}", stderr(&output));
        }
    };
    refused(&["--interrupts", "/no/such/file"], &["/no/such/file cannot be read", "/proc/interrupts:CAL"]);
    let words = file("words", "RES: 1 2\nTLB: 3 4\n");
    let words_at = |line: &str| format!("{}{line}", words.display());
    refused(&["--interrupts", &words_at(":CAL")], &["there is no line CAL: in it", "RES, TLB"]);
    refused(&["--interrupts", &words_at("")], &["is not a number", "name a line"]);
    refused(&["--interrupts", &words_at(":RES"), "--subject", "engine"], &["it is for --subject host"]);
    refused(&["--filter", "interrupts"], &["add --interrupts FILE"]);
    fs::remove_file(words).unwrap();
}
