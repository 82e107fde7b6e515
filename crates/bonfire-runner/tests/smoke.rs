//! The page of C that the author of a kernel compiles first: it compiles without a
//! warning, for this machine and for others, and says nothing wrong of this kernel,
//! which an emulator of programs hands its calls to.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bonfire_skip::{Cause, finds, skip};

/// Compilers for other machines, and the emulators of their programs.
const OTHERS: [(&str, &str); 4] = [
    ("aarch64-linux-gnu-gcc", "qemu-aarch64"),
    ("riscv64-linux-gnu-gcc", "qemu-riscv64"),
    ("powerpc64le-linux-gnu-gcc", "qemu-ppc64le"),
    ("s390x-linux-gnu-gcc", "qemu-s390x"),
];

#[test]
fn the_smoke_test_compiles_and_passes_here() {
    if !finds("cc") {
        skip!(Cause::Tool { package: "gcc" });
    }
    passes(&Command::new(compiled("cc", "smoke")).output().unwrap());
}

#[test]
fn the_smoke_test_compiles_and_passes_for_other_machines() {
    let here: Vec<_> = OTHERS.iter().filter(|(compiler, _)| finds(compiler)).collect();
    if here.is_empty() {
        skip!(Cause::Tool { package: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" });
    }
    if here.iter().any(|(_, emulator)| !finds(emulator)) {
        skip!(Cause::Tool { package: "qemu-user" });
    }
    for (compiler, emulator) in here {
        let program = compiled(compiler, &format!("smoke-{emulator}"));
        passes(&Command::new(emulator).arg(program).output().unwrap());
    }
}

fn compiled(compiler: &str, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/smoke.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut cc = Command::new(compiler);
    cc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o"]).arg(&program).arg(source);
    assert!(cc.status().expect("the compiler starts").success(), "{compiler}");
    program
}

fn passes(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{said}");
    assert!(said.contains("hint"), "{said}");
}
