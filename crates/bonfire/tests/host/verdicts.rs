//! What `verify` says where it can tell, where it cannot, and where it must not try.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bonfire::{Fences, Memory, Obstacle, Trust, Verdict, verify};
use bonfire_skip::{Cause, skip};

use crate::common::{assert_success, own_process, scenario};
use crate::sys::filter::{Then, install, install_before};
use crate::sys::places::{limit_memory, run_on_one_cpu};

scenario!(one_cpu_is_not_tried, one_cpu, assert_success, || {
    let memory = Memory::register().expect("no filter");
    run_on_one_cpu();
    assert_eq!(verify(memory).trust(), Ok(Trust::NotTried(Obstacle::OneCpu)));
});

#[test]
fn want_of_memory_is_told_however_little_is_left() {
    // From nothing to more than is asked for, closely where a thread would just begin.
    let little = (0..12).map(|step| (step * 192) << 10);
    for limit in little.chain([60 << 20, 70 << 20, 200 << 20]) {
        let mut process = own_process("host::verdicts::no_room");
        let output = process.env("BONFIRE_LIMIT", limit.to_string()).output();
        assert_success(&output.expect("this binary can be run again"));
    }
}

#[test]
fn no_room() {
    if !crate::common::is_scenario("host::verdicts::no_room") {
        return;
    }
    let memory = Memory::register().expect("no filter");
    let limit = std::env::var("BONFIRE_LIMIT").expect("a limit is given").parse().expect("a number");
    limit_memory(limit);
    let verdict = verify(memory);
    let is_told = matches!(verdict, Verdict::NotTried(Obstacle::NoMemory | Obstacle::NoThreads));
    assert!(is_told || limit > 0 && matches!(verdict, Verdict::Orders(_) | Verdict::CannotTell(_)));
    // Without the destructors of the harness, for which there may be no room.
    crate::sys::process::leave(0);
}

scenario!(full_fences_are_tried_without_a_call, fences, assert_success, || {
    install(&[], Then::KillProcess);
    let verdict = verify(Fences);
    assert!(!matches!(verdict, Verdict::Lies(_)), "{verdict:?}");
});

scenario!(a_thread_that_is_killed_is_not_waited_for, killed_side, assert_success, || {
    let memory = Memory::register().expect("no filter");
    // `std` has threads sleep by one of these; a thread that does not sleep is not killed.
    [libc::SYS_clock_nanosleep, libc::SYS_nanosleep]
        .into_iter()
        .for_each(|call| install_before(call, Then::KillThread));
    let begun = Instant::now();
    let verdict = verify(memory);
    assert!(!matches!(verdict, Verdict::Lies(_)), "{verdict:?}");
    // A limit that is promised, and no measurement: a hang would be for ever.
    assert!(begun.elapsed() < Duration::from_secs(60));
});

/// A quota of one CPU on several: a container of `--cpus=1`.
#[test]
fn a_quota_hides_no_liar() {
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2) {
        skip!(Cause::Processor("is one CPU"));
    }
    let Some(group) = Group::with_quota_of_one_cpu() else {
        skip!(Cause::Kernel("lets this process make no control group with a quota of CPU time"))
    };
    let mut process = own_process("host::verdicts::liar_within_a_quota");
    process.env("BONFIRE_GROUP", &group.0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = process.output().expect("this binary can be run again");
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("a liar was found"), "{said}");
}

#[test]
fn liar_within_a_quota() {
    if !crate::common::is_scenario("host::verdicts::liar_within_a_quota") {
        return;
    }
    let group = std::env::var("BONFIRE_GROUP").expect("a group is named");
    std::fs::write(format!("{group}/cgroup.procs"), "0").expect("this process may enter the group");
    install(&[bonfire::Command::PrivateExpedited], Then::Return(0));
    let memory = Memory::register().expect("the lie is believed at first");
    // A slice of the quota may fall between two rounds, so more than one try is fair.
    let is_found = (0..5).any(|_| matches!(verify(memory), Verdict::Lies(_)));
    println!("{}", if is_found { "a liar was found" } else { "the liar was believed" });
}

/// A control group, by its folder; gone when dropped.
struct Group(String);

impl Group {
    fn with_quota_of_one_cpu() -> Option<Self> {
        Self::second().or_else(Self::first)
    }

    /// Of the second version of control groups, in the hierarchy that is mounted.
    fn second() -> Option<Self> {
        let root = mounted("cgroup2")?;
        let _ = std::fs::write(format!("{root}/cgroup.subtree_control"), "+cpu");
        let group = Self(format!("{root}/bonfire-test-{}", std::process::id()));
        std::fs::create_dir(&group.0).ok()?;
        std::fs::write(format!("{}/cpu.max", group.0), "100000 100000").ok()?;
        Some(group)
    }

    /// Of the first version.
    fn first() -> Option<Self> {
        let root = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"]
            .into_iter()
            .find(|root| std::path::Path::new(&format!("{root}/cpu.cfs_quota_us")).exists())?;
        let group = Self(format!("{root}/bonfire-test-{}", std::process::id()));
        std::fs::create_dir(&group.0).ok()?;
        std::fs::write(format!("{}/cpu.cfs_quota_us", group.0), "100000").ok()?;
        Some(group)
    }
}

/// Where a file system of this kind is mounted.
fn mounted(kind: &str) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.into_iter().find(|fields| fields.get(2) == Some(&kind)).map(|fields| fields[1].to_owned())
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The program of a user who builds for debugging: nothing is optimised, the crate
/// as little as the rest.
#[test]
fn a_verdict_is_reached_in_a_build_for_debugging() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/unoptimised");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "bonfire", "--example", "verify", "--target-dir"])
        .arg(&folder)
        .args(["--config", "profile.dev.package.bonfire.opt-level=0"])
        .args(["--config", "profile.dev.package.bonfire-abi.opt-level=0"])
        .status();
    assert!(built.expect("cargo runs").success());
    let say = || Command::new(folder.join("debug/examples/verify")).output().expect("it was built").stdout;
    let mut said = String::new();
    // Few races are decided in the moments that a busy machine leaves, so it tries again.
    for _ in 0..20 {
        said = String::from_utf8_lossy(&say()).into_owned();
        assert!(!said.contains("Lies"), "{said}");
        if said.contains("Orders") {
            return;
        }
    }
    match said.contains("OneCpu") {
        true => skip!(Cause::Processor("has one CPU for this test")),
        false => skip!(Cause::Busy("for two threads to run at once")),
    }
}
