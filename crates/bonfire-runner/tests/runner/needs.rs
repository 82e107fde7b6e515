//! The table of the README: what is lost without each call, and that there is no other.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::{ids, program, said};

/// What a run loses.
enum Loses {
    /// The cases whose id has this in it.
    Cases(&'static str),
    /// Those, and the load, if the kernel is quick enough.
    Perhaps(&'static str),
    All,
    /// What it says; its exit status is as it should be.
    Words,
    Nothing,
}
use Loses::{All, Cases, Nothing, Perhaps, Words};

/// Every call of the table but two: without `execve` a test cannot start the program,
/// and `reboot` is for the first process of a machine.
const CALLS: &[(libc::c_long, Loses)] = &[
    (libc::SYS_membarrier, All),
    (libc::SYS_write, Words),
    (libc::SYS_exit, Perhaps("thread")),
    (libc::SYS_exit_group, Nothing),
    (libc::SYS_mmap, All),
    (libc::SYS_clone, All),
    (libc::SYS_wait4, All),
    (libc::SYS_memfd_create, Cases("exec-")),
    (libc::SYS_ftruncate, Cases("exec-")),
    (libc::SYS_clock_gettime, Nothing),
    (libc::SYS_sched_yield, Nothing),
    (libc::SYS_kill, Nothing),
    (libc::SYS_getpid, Nothing),
];

#[test]
fn a_call_that_is_missing_costs_what_the_readme_says() {
    for (call, loses) in CALLS {
        let output = run(Absent::These, &[*call]);
        check(*call, loses, &output);
    }
}

fn check(call: libc::c_long, loses: &Loses, output: &Output) {
    let report = said(output);
    let said = |id: &str| report.lines().find(|line| line.contains(&format!(" {id}: ")));
    assert!(!report.contains("does not conform"), "without call {call}: {report}");
    let lost = |id: &str, is_lost: bool| match loses {
        Cases(part) => id.contains(part),
        // A thread that cannot end dies, and its process with it, if that is not done before.
        Perhaps(part) => (id.contains(part) || id.starts_with("load/")) && is_lost,
        All => true,
        Words | Nothing => false,
    };
    if matches!(loses, Words) {
        assert_eq!((output.status.code(), report.contains("conform")), (Some(0), false), "{report}");
        return;
    }
    // Without memory there is not even a case to be lost.
    let runs = call != libc::SYS_mmap;
    for id in ids().iter().filter(|_| runs) {
        let is_lost = said(id).is_some_and(|line| line.contains("cannot tell: "));
        assert_eq!(is_lost, lost(id, is_lost), "{id} without call {call}: {report}");
    }
    let any = ids().iter().any(|id| lost(id, said(id).is_some_and(|line| line.contains("cannot tell: "))));
    assert_eq!(output.status.code(), Some(if any { 2 } else { 0 }), "{report}");
}

/// What the standard library does before it becomes the runner.
const STARTING: [libc::c_long; 4] =
    [libc::SYS_execve, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_brk];

/// A kernel that has only these calls.
#[test]
fn the_table_is_complete() {
    let calls: Vec<_> = CALLS.iter().map(|(call, _)| *call).chain(STARTING).collect();
    let output = run(Absent::AllOthers, &calls);
    check(0, &Nothing, &output);
}

const WANTED: &str = "BONFIRE_RUNNER_TEST_CALLS";

/// Which calls there are none of, of those that are listed.
#[derive(Debug)]
enum Absent {
    These,
    AllOthers,
}

/// Runs the program on a kernel that lacks some calls. This program starts itself as the
/// one test that becomes the runner: a thread that may not `clone` could start nothing.
fn run(absent: Absent, calls: &[libc::c_long]) -> Output {
    let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
    let mut test = Command::new(std::env::current_exe().expect("this program has a file"));
    test.args(["--exact", "needs::becomes_the_runner", "--nocapture", "--test-threads=1"]);
    test.env(WANTED, format!("{absent:?} {} {}", program().display(), calls.join(",")));
    test.output().expect("this program starts")
}

/// No test of its own: see [`run`].
#[test]
fn becomes_the_runner() {
    let Ok(wanted) = std::env::var(WANTED) else { return };
    let [absent, program, calls] = wanted.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let (listed, others) = match absent {
        "These" => (refuse, SeccompAction::Allow),
        _ => (SeccompAction::Allow, refuse),
    };
    let rules: BTreeMap<i64, _> = calls.split(',').map(|call| (call.parse().unwrap(), vec![])).collect();
    let arch = std::env::consts::ARCH.try_into().expect("seccompiler knows this architecture");
    let filter: BpfProgram = SeccompFilter::new(rules, others, listed, arch).unwrap().try_into().unwrap();
    let mut command = Command::new(program);
    seccompiler::apply_filter(&filter).expect("this kernel has seccomp filters");
    panic!("cannot become the runner: {}", command.exec());
}
