//! A kernel that lacks a system call: what `check --needs` says of it is what
//! happens, and a case that is lost names the call.

use std::fs;

use crate::support::{run, stderr, stdout, without};
use serde_json::Value;

/// What a run loses.
enum Loses {
    /// The cases whose id has this in it.
    Cases(&'static str),
    All,
    Nothing,
}
use Loses::{All, Cases, Nothing};

/// Each call that can be denied to a program that a loader starts. `execve`, `mmap`
/// and the like start it; `rt_sigaction` and `poll` end Rust's runtime.
const CALLS: &[(&str, libc::c_long, Loses)] = &[
    ("membarrier", libc::SYS_membarrier, All),
    ("clone", libc::SYS_clone, All),
    ("wait4", libc::SYS_wait4, All),
    ("memfd_create", libc::SYS_memfd_create, Cases("exec-")),
    ("sched_setaffinity", libc::SYS_sched_setaffinity, Cases("rseq/")),
    ("rseq", libc::SYS_rseq, Cases("rseq/")),
    ("ftruncate", libc::SYS_ftruncate, Nothing),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, Nothing),
    ("clone3", libc::SYS_clone3, Nothing),
    ("futex", libc::SYS_futex, Nothing),
    ("munmap", libc::SYS_munmap, Nothing),
    ("madvise", libc::SYS_madvise, Nothing),
    ("clock_nanosleep", libc::SYS_clock_nanosleep, Nothing),
    ("sched_yield", libc::SYS_sched_yield, Nothing),
    ("getppid", libc::SYS_getppid, Nothing),
    ("kill", libc::SYS_kill, Nothing),
    ("setpgid", libc::SYS_setpgid, Nothing),
    ("prctl", libc::SYS_prctl, Nothing),
    ("setpriority", libc::SYS_setpriority, Nothing),
    ("getpriority", libc::SYS_getpriority, Nothing),
    ("sched_setattr", libc::SYS_sched_setattr, Nothing),
    ("getrandom", libc::SYS_getrandom, Nothing),
    ("sigaltstack", libc::SYS_sigaltstack, Nothing),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask, Nothing),
];

/// The groups that a denied call is tried with. Of those that race, only one, and
/// only where it is to be lost: it then takes no time.
const GROUPS: [&str; 2] = ["lifetime", "load"];
const RACING: &str = "rseq";

#[test]
fn a_call_that_is_missing_costs_what_the_table_says() {
    let table = stdout(&run(&["--needs"]));
    for (name, number, loses) in CALLS {
        let line = table.lines().find(|line| calls(line).any(|call| call == *name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in the table:\n{table}"));
        assert_eq!(line.contains(" - ("), matches!(loses, Nothing), "{line}");
        let races = matches!(loses, Cases("rseq/")).then_some(RACING);
        GROUPS.into_iter().chain(races).for_each(|group| check(name, *number, loses, group));
    }
}

fn calls(line: &str) -> impl Iterator<Item = &str> {
    line.get(..28).unwrap_or_default().split(',').map(str::trim)
}

fn check(name: &str, number: libc::c_long, loses: &Loses, group: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let output = without(number, &["--filter", group, "--budget", "5", "--json", file.to_str().unwrap()]);
    let report = fs::read_to_string(&file).unwrap_or_default();
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|error| {
        panic!("without {name} there is no report: {error}: {}{}", stdout(&output), stderr(&output))
    });
    for case in report["cases"].as_array().unwrap() {
        let (id, verdict) = (case["id"].as_str().unwrap(), case["verdict"].as_str().unwrap());
        let reason = case["reason"].as_str().unwrap_or_default();
        let lost = match loses {
            Cases(part) => id.contains(part),
            All => true,
            Nothing => false,
        };
        if lost {
            assert_eq!(verdict, "cannot tell", "{id} without {name}: {reason}");
            assert!(reason.contains(name), "{id} does not say that {name} is missing: {reason}");
        } else {
            assert_eq!(verdict, "conforms", "{id} without {name}: {reason}");
        }
    }
}

#[test]
fn the_guide_for_porting_has_the_same_table() {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/porting.md")).unwrap();
    let table = stdout(&run(&["--needs"]));
    assert!(guide.contains(&table), "docs/porting.md must have this table:\n{table}");
}
