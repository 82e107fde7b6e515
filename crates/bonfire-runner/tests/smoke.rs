//! The page of C that the author of a kernel compiles first: it compiles without a
//! warning, and says nothing wrong of this kernel.

use std::path::Path;
use std::process::Command;

#[test]
fn the_smoke_test_compiles_and_passes_here() {
    if !bonfire_skip::finds("cc") {
        bonfire_skip::skip!(bonfire_skip::Cause::Tool { package: "gcc" });
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/smoke.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smoke");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]).arg(&program).arg(source);
    assert!(cc.status().expect("cc starts").success());
    let output = Command::new(&program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{said}");
    assert!(said.contains("hint"), "{said}");
}
