//! `cargo xtask test`: every test of the workspace, and what was skipped.
//!
//! It is `cargo test --workspace`, with a list at its end of the tests that could
//! not run here and why. A skip is not a pass: with `--strict`, which `.ci/run`
//! asks for, the verb fails unless the processor is the cause, or a package that
//! could not be installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use bonfire_skip::Skip;

use crate::repository;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if a test was skipped that a better set-up would have run
    #[arg(long)]
    strict: bool,
    /// A package whose installation was tried and failed, or a target for which nothing was built,
    /// so that its absence is no fault
    #[arg(long, value_name = "NAME")]
    not_installable: Vec<String>,
    /// What `cargo test` is told, in place of `--workspace`
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let file = repository::target_directory()?.join("skipped.tsv");
    fs::create_dir_all(file.parent().context("the target directory has a parent")?)?;
    fs::write(&file, "").with_context(|| format!("{} cannot be written", file.display()))?;

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("test").env(bonfire_skip::FILE, &file);
    match options.arguments.as_slice() {
        [] => cargo.arg("--workspace"),
        arguments => cargo.args(arguments),
    };
    let tested = repository::run(&mut cargo);
    let summed = sum_up(options, &skips(&file)?);
    tested.and(summed)
}

/// Those that were noted, each once.
fn skips(file: &Path) -> Result<Vec<Skip>> {
    let text = fs::read_to_string(file)?;
    let mut skips: Vec<Skip> = text.lines().filter_map(Skip::parse).collect();
    skips.sort_by(|a, b| (&a.kind, &a.test, &a.why).cmp(&(&b.kind, &b.test, &b.why)));
    skips.dedup();
    Ok(skips)
}

fn sum_up(options: &Options, skips: &[Skip]) -> Result<()> {
    println!("\nskipped: {}", skips.len());
    skips.iter().for_each(|skip| println!("  {skip}"));
    let preventable = skips.iter().filter(|skip| is_preventable(skip, &options.not_installable)).count();
    if options.strict && preventable > 0 {
        bail!("{preventable} skipped for want of something that can be had; see the list above");
    }
    Ok(())
}

/// Whether a better set-up of this machine would have run the test.
fn is_preventable(skip: &Skip, not_installable: &[String]) -> bool {
    let excused = |package: &String| skip.why.split(' ').any(|word| word == package);
    match skip.kind.as_str() {
        "processor" => false,
        "tool" | "program" => !not_installable.iter().any(excused),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(kind: &str, why: &str) -> Skip {
        Skip { kind: kind.into(), test: "cli boots".into(), why: why.into() }
    }

    #[test]
    fn only_the_processor_and_failed_installations_excuse() {
        let qemu = "because a tool is not installed; apt-get install --no-install-recommends qemu-system-x86";
        let tried = ["qemu-system-x86".to_owned()];
        assert!(!is_preventable(&skip("processor", "because this processor has one CPU"), &[]));
        assert!(is_preventable(&skip("kernel", "because this kernel has no membarrier"), &tried));
        assert!(is_preventable(&skip("busy", "because this machine was too busy to look"), &tried));
        assert!(is_preventable(&skip("tool", qemu), &[]));
        assert!(!is_preventable(&skip("tool", qemu), &tried));
        assert!(is_preventable(&skip("tool", &qemu.replace("x86", "arm")), &tried));
        let dist = "because a program is not built; cargo xtask dist --target aarch64-unknown-linux-gnu";
        assert!(is_preventable(&skip("program", dist), &tried));
        assert!(!is_preventable(&skip("program", dist), &["aarch64-unknown-linux-gnu".to_owned()]));
    }

    #[test]
    fn a_strict_run_fails_for_a_preventable_skip() {
        let strict = |strict| Options { strict, not_installable: Vec::new(), arguments: Vec::new() };
        let skips = [skip("kernel", "because this kernel has no membarrier")];
        assert!(sum_up(&strict(true), &skips).is_err());
        assert!(sum_up(&strict(false), &skips).is_ok());
        assert!(sum_up(&strict(true), &[]).is_ok());
    }
}
