//! The program without a C library comes to the same verdicts as `bonfire check`, with
//! the system calls that its README names and without each of them.

mod needs;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bonfire_conformance::{Group, cases};

/// Builds the program as its README says, in a folder of its own: a build that waits
/// for the one that runs this test would wait for ever.
fn program() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runner");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--features", "freestanding", "--profile", "runner", "--target-dir"]);
    let built = cargo.arg(&folder).current_dir(manifest).status().expect("cargo starts");
    assert!(built.success(), "the program does not build");
    folder.join("runner/bonfire-runner")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_program_judges_this_kernel_and_is_small() {
    const MOST_BYTES: u64 = 400_000;
    let program = program();
    let size = std::fs::metadata(&program).unwrap().len();
    assert!(size < MOST_BYTES, "{size} bytes");
    let output = Command::new(&program).output().expect("the program starts");
    let report = said(&output);
    let counts = report.lines().last().unwrap_or_default();
    assert!(counts.contains(" conform, 0 do not, 0 cannot tell"), "{report}");
    assert_eq!(output.status.code(), Some(0), "{report}");
    let conform: usize = counts.split(' ').next().unwrap().parse().unwrap();
    let hidden = report.lines().filter(|line| line.starts_with("not observable here: ")).count();
    assert_eq!(conform + hidden, ids().len(), "{report}");
}

/// What `bonfire check` has of the groups that the program runs.
fn ids() -> Vec<String> {
    let groups = [Group::Abi, Group::Lifetime, Group::Load];
    cases().filter(|case| groups.contains(&case.group())).map(|case| case.to_string()).collect()
}
