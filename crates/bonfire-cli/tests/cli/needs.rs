//! A kernel that lacks a system call: what `check --needs` says of it is what
//! happens, and a case that is lost names the call.

use std::fs;

use bonfire_skip::Cause;
use serde_json::Value;

use crate::denied::{Absent, without, without_once_running};
use crate::support::{run, stdout};

/// Since when there is no such call.
#[derive(Clone, Copy)]
enum Since {
    /// From the first instruction of the program on.
    Start,
    /// Since it runs: a loader, which a static program does not have, needs it.
    Running,
}
use Since::{Running, Start};

/// What a run loses.
#[derive(Clone, Copy)]
enum Loses {
    /// The cases whose id has one of these in it, which say what is missing.
    Cases(&'static [&'static str]),
    /// The same; and nothing at all starts where the call was never there.
    Images,
    /// All cases, which say so.
    All,
    /// The report.
    Run,
    /// Nothing, but at times a case, which says so: glibc aborts a process in which a thread
    /// has to wait for one of its locks. Most of the time none has to.
    Seldom,
    Nothing,
}
use Loses::{All, Cases, Images, Nothing, Run, Seldom};

const IMAGES: &[&str] = &["exec-"];

/// Each call of the table.
const CALLS: &[(&str, libc::c_long, Since, Loses)] = &[
    ("membarrier", libc::SYS_membarrier, Start, All),
    ("execve", libc::SYS_execve, Running, Images),
    ("write", libc::SYS_write, Start, Run),
    ("mmap", libc::SYS_mmap, Running, Run),
    ("mprotect", libc::SYS_mprotect, Running, Run),
    ("rt_sigaction", libc::SYS_rt_sigaction, Start, Run),
    ("poll", libc::SYS_poll, Start, Run),
    ("clone", libc::SYS_clone, Start, All),
    ("wait4", libc::SYS_wait4, Start, All),
    ("memfd_create", libc::SYS_memfd_create, Start, Cases(IMAGES)),
    ("sched_setaffinity", libc::SYS_sched_setaffinity, Start, Cases(&["rseq/"])),
    ("rseq", libc::SYS_rseq, Start, Cases(&["rseq/"])),
    ("exit_group", libc::SYS_exit_group, Start, Nothing),
    ("ftruncate", libc::SYS_ftruncate, Start, Nothing),
    ("sched_getaffinity", libc::SYS_sched_getaffinity, Start, Nothing),
    ("clone3", libc::SYS_clone3, Start, Nothing),
    ("futex", libc::SYS_futex, Start, Seldom),
    ("munmap", libc::SYS_munmap, Start, Nothing),
    ("madvise", libc::SYS_madvise, Start, Nothing),
    ("clock_nanosleep", libc::SYS_clock_nanosleep, Start, Nothing),
    ("sched_yield", libc::SYS_sched_yield, Start, Nothing),
    ("getppid", libc::SYS_getppid, Start, Nothing),
    ("kill", libc::SYS_kill, Start, Nothing),
    ("setpgid", libc::SYS_setpgid, Start, Nothing),
    ("prctl", libc::SYS_prctl, Start, Nothing),
    ("setpriority", libc::SYS_setpriority, Start, Nothing),
    ("getpriority", libc::SYS_getpriority, Start, Nothing),
    ("sched_setattr", libc::SYS_sched_setattr, Start, Nothing),
    ("getrandom", libc::SYS_getrandom, Start, Nothing),
    ("sigaltstack", libc::SYS_sigaltstack, Start, Nothing),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask, Start, Nothing),
    ("openat", libc::SYS_openat, Running, Nothing),
    ("read", libc::SYS_read, Running, Nothing),
    ("close", libc::SYS_close, Running, Nothing),
];

/// The groups that a denied call is tried with. Of those that race, only one, and
/// only where it is to be lost: it then takes no time.
const GROUPS: [&str; 2] = ["lifetime", "load"];
const RACING: &str = "rseq";

#[test]
fn a_call_that_is_missing_costs_what_the_table_says() {
    let table = stdout(&run(&["--needs"]));
    for (name, number, since, loses) in CALLS {
        let line = table.lines().find(|line| calls(line).any(|call| call == *name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in the table:\n{table}"));
        assert_eq!(line.contains(" - ("), matches!(loses, Nothing | Seldom), "{line}");
        assert_eq!(line.ends_with("nothing runs"), matches!(loses, All | Run | Images), "{line}");
        let races = matches!(loses, Cases(parts) if parts.contains(&"rseq/")).then_some(RACING);
        for group in GROUPS.into_iter().chain(races) {
            let Some(report) = report(*number, *since, group) else { return };
            check(name, *loses, &report);
        }
    }
}

/// The table's first column, which may name several.
fn calls(line: &str) -> impl Iterator<Item = &str> {
    line.get(..28).unwrap_or_default().split(',').map(str::trim)
}

/// What is not denied here. No filter sees the clock, since a page of the kernel's tells
/// the time: `young.rs` takes it away otherwise. A thread that cannot end has its case
/// wait to the limit: the tests of `bonfire-runner` deny `exit`.
const NOT_HERE: [(&str, libc::c_long); 2] =
    [("clock_gettime", libc::SYS_clock_gettime), ("exit", libc::SYS_exit)];

#[test]
fn every_call_of_the_table_is_denied() {
    for line in stdout(&run(&["--needs"])).lines().skip(1) {
        for call in calls(line) {
            let mut denied = CALLS.iter().map(|(name, ..)| *name).chain(NOT_HERE.map(|(name, _)| name));
            assert!(denied.any(|name| name == call), "{call} is never denied");
        }
    }
}

/// What a run of `group` reports without this call; `None` where this kernel cannot
/// play one that lacks it.
fn report(call: libc::c_long, since: Since, group: &str) -> Option<Said> {
    const BUDGET: [&str; 3] = ["--budget", "5", "--json"];
    let filter = ["--filter", group];
    match since {
        Start => {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("report.json");
            let output = without(call, &[&filter, &BUDGET[..], &[file.to_str().unwrap()]].concat());
            Some(Said::new(&fs::read_to_string(&file).unwrap_or_default(), &output))
        }
        Running => said_running(&Absent::Call(call), &[&filter, &BUDGET[..]].concat()),
    }
}

fn said_running(absent: &Absent<'_>, arguments: &[&str]) -> Option<Said> {
    match without_once_running(absent, arguments) {
        Ok(output) => Some(Said::new(&stdout(&output), &output)),
        Err(error) => {
            bonfire_skip::say(Cause::Kernel(&format!("has {error}")));
            None
        }
    }
}

/// A report, if there is one, and all that was said beside it.
struct Said {
    report: Option<Value>,
    rest: String,
}

impl Said {
    fn new(report: &str, output: &std::process::Output) -> Self {
        let rest = format!("{}: {}{}", output.status, stdout(output), crate::support::stderr(output));
        Self { report: serde_json::from_str(report).ok(), rest }
    }

    /// Id, verdict and reason of each case.
    fn cases(&self) -> Vec<[&str; 3]> {
        let cases = self.report.as_ref().and_then(|report| report["cases"].as_array());
        let cases = cases.map(Vec::as_slice).unwrap_or_default().iter();
        cases
            .map(|case| ["id", "verdict", "reason"].map(|name| case[name].as_str().unwrap_or_default()))
            .collect()
    }
}

fn check(name: &str, loses: Loses, said: &Said) {
    let cases = said.cases();
    if matches!(loses, Run) {
        assert!(cases.iter().all(|[_, verdict, _]| *verdict == "cannot tell"), "{name}: {cases:?}");
        return;
    }
    assert!(!cases.is_empty(), "without {name} there is no report: {}", said.rest);
    let conforms = cases.iter().any(|[_, verdict, _]| *verdict == "conforms");
    assert!(conforms || !matches!(loses, Seldom), "without {name} every case is lost: {cases:?}");
    // What this kernel or machine cannot show with the call is not lost without it.
    let shown = |case: &[&str; 3]| case[1] != "not observable here";
    for [id, verdict, reason] in cases.into_iter().filter(shown) {
        let lost = match loses {
            Cases(parts) => parts.iter().any(|part| id.contains(part)),
            Images => id.contains("exec-"),
            All | Run => true,
            Seldom => verdict == "cannot tell",
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

/// The table is all: a kernel that has these calls and no others loses no case.
#[test]
fn the_table_is_complete() {
    let calls = CALLS.iter().map(|(_, number, ..)| *number).chain(NOT_HERE.map(|(_, number)| number));
    let calls: Vec<libc::c_long> = calls.collect();
    for group in ["abi", "lifetime", "load", "rseq"] {
        let arguments = ["--filter", group, "--budget", "10", "--json"];
        let Some(said) = said_running(&Absent::AllBut(&calls), &arguments) else { return };
        let lost = |[_, verdict, _]: &[&str; 3]| !["conforms", "not observable here"].contains(verdict);
        let cases = said.cases();
        assert!(!cases.is_empty(), "{}", said.rest);
        assert!(!cases.iter().any(lost), "{:?}", cases.into_iter().filter(lost).collect::<Vec<_>>());
    }
}

#[test]
fn the_guide_for_porting_has_the_same_table() {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/porting.md")).unwrap();
    let table = stdout(&run(&["--needs"]));
    assert!(guide.contains(&table), "docs/porting.md must have this table:\n{table}");
}
