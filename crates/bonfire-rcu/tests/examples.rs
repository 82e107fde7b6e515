//! The examples run and assert.

use std::path::Path;
use std::process::Command;

#[test]
fn data_structures_hold_under_load() {
    for name in ["configuration", "routing", "map", "list"] {
        // Cargo builds the examples of a crate with its tests, next to them.
        let tests = std::env::current_exe().expect("a test has a path");
        let example = tests.ancestors().nth(2).unwrap_or(Path::new("")).join("examples").join(name);
        let output = Command::new(&example).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", example.display()));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
