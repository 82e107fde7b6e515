//! `cargo xtask guests`: the table of `docs/guests.md`, a row for each guest.
//!
//! Each guest that was asked for boots and is judged; its row takes the place of an
//! older one of the same guest, so that a table can grow over many runs. The page is
//! written after each guest, and the verb fails if one was found not to conform or
//! sent no report.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::guest::machine::{Guest, Threads};
use crate::guest::report::Report;
use crate::guest::{kernel, memory};
use crate::repository;
use crate::target::{TARGETS, Target, Toolchain};

const PAGE: &str = "docs/guests.md";
const BEGIN: &str = "<!-- begin: written by `cargo xtask guests` -->\n";
const END: &str = "<!-- end -->\n";

/// Which guests.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these architectures; by default all
    #[arg(long, value_name = "NAME")]
    arch: Vec<String>,
    /// The releases of Debian that kernels are taken from; where one has none for an
    /// architecture, that is said
    #[arg(long, value_name = "NAME", default_values_t = [kernel::SUITES[0].to_owned(), kernel::SUITES[1].to_owned()])]
    suite: Vec<String>,
    /// Only the first so many set-ups of each kernel
    #[arg(long, value_name = "NUMBER", default_value_t = SETUPS.len())]
    setups: usize,
    /// Wall clock of each run, in seconds
    #[arg(long, default_value_t = 30)]
    budget: u64,
    #[command(flatten)]
    toolchain: Toolchain,
}

/// How a guest is set up: CPUs, the emulator's threads, and words for its kernel.
struct Setup(u32, Threads, &'static str);

/// What tells most first.
const SETUPS: [Setup; 5] = [
    Setup(2, Threads::Multi, ""),
    Setup(4, Threads::Multi, ""),
    Setup(2, Threads::Single, ""),
    Setup(2, Threads::Multi, "nohz_full=1"),
    Setup(1, Threads::Multi, ""),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = |target: &&Target| {
        options.arch.is_empty() || options.arch.iter().any(|name| name == target.architecture)
    };
    let mut wrong = Vec::new();
    for target in TARGETS.iter().filter(wanted) {
        wrong.extend(options.architecture(target)?);
    }
    ensure!(wrong.is_empty(), "not as they should be: {}", wrong.join("; "));
    Ok(())
}

impl Options {
    /// All guests of one architecture; returns what was wrong.
    fn architecture(&self, target: &Target) -> Result<Vec<String>> {
        let memory = match memory(target, &self.toolchain) {
            Ok(memory) => memory,
            Err(error) => return Ok(vec![format!("{}: {error:#}", target.architecture)]),
        };
        let mut wrong = Vec::new();
        for suite in &self.suite {
            let kernel = match kernel::debian(target, suite) {
                Ok(kernel) => kernel,
                Err(error) => {
                    eprintln!("{}: {error:#}", target.architecture);
                    continue;
                }
            };
            for Setup(cpus, threads, append) in SETUPS.iter().take(self.setups) {
                let (cpus, threads) = (*cpus, *threads);
                let (kernel, memory, budget) = (&kernel, &memory, self.budget);
                let guest = Guest { kernel, memory, cpus, threads, append, budget, more: &[], emulator: &[] };
                let name =
                    format!("{} | {} | {cpus} | {threads} | {append}", target.architecture, release(kernel));
                let report = guest.report(target);
                wrong.extend(fault(&name, &report));
                keep(&row(&name, &report)?)?;
            }
        }
        Ok(wrong)
    }
}

/// What a kernel's file is called after its kind.
fn release(kernel: &std::path::Path) -> String {
    let name = kernel.file_name().unwrap_or_default().to_string_lossy();
    name.split_once('-').map_or_else(|| name.to_string(), |(_, release)| release.to_owned())
}

fn fault(name: &str, report: &Result<Report>) -> Option<String> {
    match report {
        Ok(report) if report.violations().is_empty() => None,
        Ok(report) => Some(format!("{name} does not conform: {}", report.violations().join(", "))),
        Err(error) => Some(format!("{name}: {error:#}")),
    }
}

fn row(name: &str, report: &Result<Report>) -> Result<String> {
    let date = repository::output(Command::new("date").args(["-u", "+%F"]))?;
    let found = match report {
        Err(_) => "no report | | | | | ".to_owned(),
        Ok(report) => {
            let counts = ["conforms", "does not conform", "cannot tell", "not observable here"]
                .map(|verdict| report.count(verdict).to_string());
            format!(
                "{} | {} | {}.{}",
                counts.join(" | "),
                report.status,
                report.took_ms / 1000,
                report.took_ms % 1000 / 100
            )
        }
    };
    Ok(format!("| {name} | {found} | {} |\n", date.trim()))
}

/// Puts `row` into the page, in the place of an older one of the same guest.
fn keep(row: &str) -> Result<()> {
    print!("{row}");
    let path = repository::root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("no {PAGE}"))?;
    fs::write(&path, with(&page, row)?).with_context(|| format!("cannot write {PAGE}"))
}

fn with(page: &str, row: &str) -> Result<String> {
    let marks = || format!("{PAGE} has lost its marks");
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (table, after) = rest.split_once(END).with_context(marks)?;
    let mut rows: Vec<&str> = table.split_inclusive('\n').filter(|old| key(old) != key(row)).collect();
    let head = rows.len().min(2);
    rows.push(row);
    rows[head..].sort_unstable();
    Ok(format!("{before}{BEGIN}{}{END}{after}", rows.concat()))
}

/// What names the guest: the first five columns.
fn key(row: &str) -> Vec<&str> {
    row.split('|').take(6).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_the_place_of_an_older_one_of_the_same_guest() {
        let head = "| a | k | c | t | w | v |\n|---|---|---|---|---|---|\n";
        let page = |rows: &str| format!("before\n{BEGIN}{head}{rows}{END}after\n");
        let first = with(&page(""), "| x | 6.1 | 2 | multi |  | 1 |\n").unwrap();
        assert_eq!(first, page("| x | 6.1 | 2 | multi |  | 1 |\n"));
        let second = with(&first, "| x | 6.1 | 2 | multi | | 2 |\n").unwrap();
        assert_eq!(second, page("| x | 6.1 | 2 | multi | | 2 |\n"));
        let both = with(&second, "| a | 6.1 | 2 | multi | | 3 |\n").unwrap();
        assert_eq!(both, page("| a | 6.1 | 2 | multi | | 3 |\n| x | 6.1 | 2 | multi | | 2 |\n"));
        assert!(with("no marks", "").is_err());
    }

    #[test]
    fn the_page_has_its_marks() {
        let page = fs::read_to_string(repository::root().join(PAGE)).unwrap();
        assert!(with(&page, "| x |\n").is_ok());
    }
}
