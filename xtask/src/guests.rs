//! `cargo xtask guests`: the table of `docs/guests.md`, a row for each guest.
//!
//! Each guest that was asked for boots and is judged, as often as was asked; its row
//! takes the place of an older one of the same guest, so that a table can grow over
//! many calls. The page is written after each guest, and the verb fails if one was
//! found not to conform or sent no report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::guest::machine::{Guest, Threads, emulator};
use crate::guest::report::Report;
use crate::guest::{kernel, memory};
use crate::repository;
use crate::target::{TARGETS, Target, Toolchain};

mod page;

use page::{Host, Name};

/// Which guests.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these architectures; by default all
    #[arg(long, value_name = "NAME")]
    arch: Vec<String>,
    /// The releases of Debian that kernels are taken from; where one has none for an
    /// architecture, that is said
    ///
    /// By default bookworm (6.1), and for 6.12 trixie, or bookworm-backports where trixie has
    /// none.
    #[arg(long, value_name = "NAME")]
    suite: Vec<String>,
    /// Only the first so many set-ups of each kernel
    #[arg(long, value_name = "NUMBER", default_value_t = SETUPS.len())]
    setups: usize,
    /// How often each guest boots and is judged
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    runs: u64,
    /// The seed of the first run; each that follows has the next
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Wall clock of each run, in seconds
    #[arg(long, default_value_t = 15)]
    budget: u64,
    #[command(flatten)]
    toolchain: Toolchain,
}

/// How a guest is set up: CPUs, the emulator's threads, and words for its kernel.
struct Setup(u32, Threads, &'static str);

/// What tells most first.
const SETUPS: [Setup; 6] = [
    Setup(2, Threads::Multi, ""),
    Setup(4, Threads::Multi, ""),
    Setup(2, Threads::Single, ""),
    Setup(2, Threads::Multi, "nohz_full=1"),
    Setup(1, Threads::Multi, ""),
    Setup(4, Threads::Single, ""),
];

/// By default: one kernel of each, from the first that has one.
const SUITES: [&[&str]; 2] = [&["bookworm"], &["trixie", "bookworm-backports"]];

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
        for kernel in self.kernels(target) {
            for setup in SETUPS.iter().take(self.setups) {
                wrong.extend(self.guest(target, &kernel, &memory, setup)?);
            }
        }
        Ok(wrong)
    }

    /// One kernel of each release, or of the first of several that has one.
    fn kernels(&self, target: &Target) -> Vec<PathBuf> {
        let asked: Vec<[&str; 1]> = self.suite.iter().map(|suite| [suite.as_str()]).collect();
        let asked: Vec<&[&str]> = asked.iter().map(<[&str; 1]>::as_slice).collect();
        let groups = if asked.is_empty() { &SUITES[..] } else { &asked };
        let first = |group: &&[&str]| {
            let said = |error| eprintln!("{}: {error:#}", target.architecture);
            group.iter().find_map(|suite| kernel::debian(target, suite).map_err(said).ok())
        };
        groups.iter().filter_map(first).collect()
    }

    /// All runs of one guest; returns what was wrong.
    fn guest(&self, target: &Target, kernel: &Path, memory: &Path, setup: &Setup) -> Result<Vec<String>> {
        let Setup(cpus, threads, append) = setup;
        let (cpus, threads, budget) = (*cpus, *threads, self.budget);
        let boot = |run: u64| {
            let more = ["--seed".to_owned(), self.seed.wrapping_add(run).to_string()];
            let guest = Guest { kernel, memory, cpus, threads, append, budget, more: &more, emulator: &[] };
            guest.report(target)
        };
        let reports: Vec<Result<Report>> = (0..self.runs).map(boot).collect();
        let release = release(kernel);
        page::keep(
            &Name([&target.architecture, &release, &cpus, &threads, append]),
            &reports,
            &Host::read(target)?,
        )?;
        // What a row cannot say.
        let unclear = reports.iter().flatten().filter(|report| report.status != 0);
        unclear.for_each(|report| println!("{report}"));
        let name = format!("{} {release}, {cpus} CPUs, {threads}, {append}", target.architecture);
        Ok(reports.iter().filter_map(|report| fault(&name, report)).collect())
    }
}

/// What a kernel's file is called after its kind.
fn release(kernel: &Path) -> String {
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

impl Host {
    /// What the emulator of `target` runs on, now.
    fn read(target: &Target) -> Result<Self> {
        let line = |file, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let value =
                |line: &str| Some(line.strip_prefix(name)?.trim_start_matches([' ', '\t', ':']).to_owned());
            text.lines().find_map(value).unwrap_or_else(|| "unknown".to_owned())
        };
        let cpus = std::thread::available_parallelism()?;
        let load = line("/proc/loadavg", "");
        let date = repository::output(Command::new("date").args(["-u", "+%F"]))?;
        Ok(Self {
            processor: format!("{} ({cpus} CPUs)", line("/proc/cpuinfo", "model name")),
            emulator: emulator(target)?,
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            date: date.trim().to_owned(),
        })
    }
}
