//! A machine that lacks something other than a system call: files, room, a clock.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bonfire_skip::{Cause, finds, skip};
use serde_json::Value;

use crate::support::{stderr, stdout};

const BONFIRE: &str = env!("CARGO_BIN_EXE_bonfire");

/// Runs these words of a shell, then `bonfire` in its place.
fn after(words: &str, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{words} && exec \"$@\""), "sh", BONFIRE, "--json", "--budget", "5"]);
    shell.args(arguments);
    shell
}

fn report(output: &Output) -> Value {
    let said = || format!("{}{}", stdout(output), stderr(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
}

/// All cases conform but those whose id has one of these words in it; they cannot
/// tell, and say that `cause` is missing.
fn check(report: &Value, lost: &[&str], cause: &str) {
    for case in report["cases"].as_array().unwrap() {
        let text = |name| case[name].as_str().unwrap_or_default();
        let (id, reason) = (text("id"), text("reason"));
        if text("verdict") == "not observable here" {
            continue;
        }
        let is_lost = lost.iter().any(|word| id.contains(word));
        assert_eq!(text("verdict"), if is_lost { "cannot tell" } else { "conforms" }, "{id}: {reason}");
        assert!(!is_lost || reason.contains(cause), "{id}: {reason}");
    }
}

/// In a mount namespace of its own each folder is empty.
#[test]
fn without_its_files_a_machine_is_unknown_and_no_case_is_lost() {
    const FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];
    let empty = |folder: &&str| format!("mount -t tmpfs none {folder}");
    let all = FOLDERS.iter().map(empty).collect::<Vec<_>>().join(" && ");
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    if !unshare.args(["sh", "-c", &all]).output().is_ok_and(|output| output.status.success()) {
        skip!(Cause::Kernel("lets this user mount nothing (unshare --mount)"));
    }
    for folders in FOLDERS.iter().map(empty).chain([all]) {
        let shell = after(&folders, &["--filter", "lifetime"]);
        let mut inside = Command::new("unshare");
        inside.args(["--mount", "--map-root-user"]).arg(shell.get_program()).args(shell.get_args());
        let report = report(&inside.output().unwrap());
        check(&report, &[], "");
        let unknown = |name: &str| report["environment"][name].is_null();
        assert_eq!(unknown("seccomp_filters"), folders.contains("/proc"), "{folders}: {report}");
        assert_eq!(unknown("cpus_online"), folders.contains("/sys"), "{folders}: {report}");
    }
}

/// The memory that a new image inherits is a file, too.
#[test]
fn a_limit_on_the_size_of_files_costs_new_images() {
    let output = after("ulimit -f 0", &["--filter", "lifetime"]).output().unwrap();
    check(&report(&output), &["exec-"], "ulimit -f");
}

/// A library that stands before the C library's clock, which asks no kernel.
fn without_clocks(which: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let [source, library] = ["c", "so"].map(|kind| folder.join(format!("no-clock-{which}.{kind}")));
    let program = format!(
        "#define _GNU_SOURCE\n#include <errno.h>\n#include <time.h>\n#include <unistd.h>\n\
         #include <sys/syscall.h>\n\
         int clock_gettime(clockid_t clock, struct timespec *now) {{\n\
         if ({which}) return errno = ENOSYS, -1;\nreturn syscall(SYS_clock_gettime, clock, now);\n}}\n"
    );
    std::fs::write(&source, program).unwrap();
    let mut cc = Command::new("cc");
    let built = cc.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(built.is_ok_and(|status| status.success()), "cc cannot build {}", source.display());
    library
}

#[test]
fn without_a_clock_what_races_is_lost_and_nothing_hangs() {
    if !finds("cc") {
        skip!(Cause::Tool { package: "gcc" });
    }
    for (which, lost) in [("1", &["rseq/"][..]), ("clock==CLOCK_MONOTONIC", &[])] {
        for filter in ["lifetime", "load", "rseq"] {
            if filter == "rseq" && lost.is_empty() {
                continue;
            }
            let mut shell = after("true", &["--filter", filter]);
            let output = shell.env("LD_PRELOAD", without_clocks(which)).output().unwrap();
            check(&report(&output), lost, "clock_gettime");
        }
    }
}
