//! The command under QEMU's emulators of programs, which hand its calls to the kernel
//! of their host: it starts, it sees where it is, and it convicts nobody. The program
//! of this test will do for the host's own architecture; those for others are tried
//! where they have been built.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bonfire_skip::{Cause, finds, skip};
use serde_json::Value;

use crate::support::{stderr, stdout};

/// An emulator, and what Rust calls the target of its programs.
const OTHERS: [(&str, &str); 5] = [
    ("qemu-x86_64", "x86_64-unknown-linux-gnu"),
    ("qemu-aarch64", "aarch64-unknown-linux-gnu"),
    ("qemu-riscv64", "riscv64gc-unknown-linux-gnu"),
    ("qemu-ppc64le", "powerpc64le-unknown-linux-gnu"),
    ("qemu-s390x", "s390x-unknown-linux-gnu"),
];

const PACKAGE: &str = "qemu-user";

#[test]
fn under_an_emulator_of_this_machine_the_command_runs_and_convicts_nobody() {
    let emulator = &format!("qemu-{}", std::env::consts::ARCH);
    if !finds(emulator) {
        skip!(Cause::Tool { package: PACKAGE });
    }
    check(emulator, Path::new(env!("CARGO_BIN_EXE_bonfire")));
}

#[test]
fn under_emulators_of_other_machines_the_command_runs_and_convicts_nobody() {
    let built = OTHERS.map(|(emulator, triple)| (emulator, dist(triple)));
    let built: Vec<_> = built.iter().filter(|(_, program)| program.is_file()).collect();
    if built.is_empty() {
        skip!(Cause::Program { build: "cargo xtask dist --target aarch64-unknown-linux-gnu" });
    }
    for (emulator, program) in built {
        if !finds(emulator) {
            skip!(Cause::Tool { package: PACKAGE });
        }
        check(emulator, program);
    }
}

/// Where `cargo xtask dist` leaves the command.
fn dist(triple: &str) -> PathBuf {
    let name = format!("../dist/bonfire-{}-{triple}/bonfire", env!("CARGO_PKG_VERSION"));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn check(emulator: &str, program: &Path) {
    let run = |arguments: &[&str]| Command::new(emulator).arg(program).args(arguments).output().unwrap();
    let output = run(&["--budget", "20", "--json"]);
    let said = || format!("{emulator}: {} {}{}", output.status, stdout(&output), stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said()));
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", said());
    let virtualised = report["environment"]["virtualised"].as_str().unwrap_or_default();
    assert!(virtualised.contains("qemu-user"), "{emulator}: {virtualised}");
    let conform = report["counts"]["conforms"].as_u64().unwrap_or_default();
    assert!(conform > 100, "{}", said());
    engine_is_refused(emulator, &run(&["--subject", "engine"]));
}

/// With its cause, and without a crash.
fn engine_is_refused(emulator: &str, output: &Output) {
    assert_eq!(output.status.code(), Some(2), "{emulator}: {}", stderr(output));
    let says = ["emulator of programs", "has no engine"].iter().any(|cause| stderr(output).contains(cause));
    assert!(says, "{emulator}: {}", stderr(output));
}
