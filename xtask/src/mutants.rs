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
    let output = repository::target_directory()?.join("mutants");
    let mut mutants = Command::new("cargo-mutants");
    mutants.current_dir(repository::root()).args(["mutants", "--package", "bonfire-engine"]);
    mutants.args(["--package", "bonfire-abi", "--baseline", "run", "--output"]).arg(output);
    repository::run(mutants.args(&options.more))
}
