//! The engine in a kernel of 4,096 CPUs that has no standard library, and in
//! which nothing may panic: it links, or it does not.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output};

#[test]
fn links_without_a_standard_library_and_without_a_panic() {
    let output = link(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_kernel_that_can_panic_does_not_link() {
    let output = link(&["--features", "panics"]);
    assert!(!output.status.success());
    let says = String::from_utf8_lossy(&output.stderr);
    assert!(says.contains("the_engine_can_panic"), "{says}");
}

/// Builds the kernel with these features and links it with nothing.
fn link(features: &[&str]) -> Output {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/freestanding");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("freestanding{}", features.len()));
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--offline", "--manifest-path"])
        .arg(here.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(features)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()))
        .args(["-nostdlib", "-static", "-Wl,--gc-sections", "-Wl,--entry=kernel_entry"])
        .arg("-Wl,--undefined=kernel_entry")
        // Every kernel brings these two; nothing here is run.
        .args(["-Wl,--defsym=memcpy=0", "-Wl,--defsym=memset=0"])
        .arg(target.join("release/libfreestanding.a"))
        .arg("-o")
        .arg(target.join("kernel"))
        .output()
        .expect("a C linker is installed, as for every Rust program")
}
