//! `cargo xtask mutants`: changes the engine and the ABI here and there, and asks
//! their own tests whether they notice.
//!
//! The exploration's mutants are another thing: `bonfire explore`. These are
//! what one finds by reading the code and not the protocol: a condition turned
//! round, a value returned at once, an operator exchanged.

use std::process::Command;

use anyhow::Result;

use crate::repository;

/// What is passed on.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// More for cargo-mutants, such as `-- --file told.rs` or `-- --list`
    #[arg(last = true, value_name = "OPTIONS")]
    more: Vec<String>,
}

/// Runs cargo-mutants, if it is installed, on the two crates that have no
/// dependencies.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !Command::new("cargo-mutants")
        .args(["mutants", "--version"])
        .output()
        .is_ok_and(|out| out.status.success())
    {
        println!("skipped: no cargo-mutants; install it with: cargo install cargo-mutants");
        return Ok(());
    }
    for (package, tests) in TESTS {
        let output = repository::target_directory()?.join("mutants").join(package);
        let mut mutants = Command::new("cargo-mutants");
        // Without what debuggers want, a change is compiled in a second.
        mutants.current_dir(repository::root()).env("CARGO_PROFILE_DEV_DEBUG", "0");
        mutants.args(["mutants", "--package", package, "--baseline", "run", "--output"]).arg(output);
        repository::run(mutants.args(&options.more).arg("--").args(tests))?;
    }
    Ok(())
}

/// Each crate, and those of its tests that are quick and leave nothing to chance.
const TESTS: [(&str, &[&str]); 2] =
    [("bonfire-abi", &["--lib"]), ("bonfire-engine", &["--lib", "--test", "engine"])];
