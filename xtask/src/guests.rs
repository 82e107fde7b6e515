//! `cargo xtask guests`: the table of `docs/guests.md`, a row for each guest.
//!
//! Each guest that was asked for boots and is judged, as often as was asked; its row
//! takes the place of an older one of the same guest. The page is written after each
//! guest, and the verb fails if one was found not to conform or sent no report.

use anyhow::Result;

use crate::guest::arguments;
use crate::guest::machine::{Guest, Threads};
use crate::guest::report::Report;
use crate::target::BONFIRE;

pub(crate) mod host;
mod row;
pub(crate) mod selection;
pub(crate) mod table;

use host::Host;
use selection::{Ground, Selection};
use table::Table;

/// Which guests.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    selection: Selection,
    /// How often each guest boots and is judged
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    runs: u64,
    /// The seed of the first run; each that follows has the next
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Wall clock of each run, in seconds
    #[arg(long, default_value_t = 30)]
    budget: u64,
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

const TABLE: Table = Table {
    page: "docs/guests.md",
    verb: "guests",
    columns: &[
        "architecture",
        "kernel",
        "emulator",
        "CPUs",
        "threads",
        "words",
        "runs",
        "conform",
        "do not",
        "cannot tell",
        "not observable",
        "exit status",
        "seconds",
        "load",
        "date",
    ],
    names: 6,
};

pub(crate) fn run(options: &Options) -> Result<()> {
    options.selection.each(&BONFIRE, &SETUPS, |ground, setup| options.guest(ground, setup))
}

impl Options {
    /// All runs of one guest; returns what was wrong.
    fn guest(&self, ground: &Ground, setup: &Setup) -> Result<Vec<String>> {
        let reports: Vec<Result<Report>> = (0..self.runs).map(|run| self.boot(ground, setup, run)).collect();
        let Setup(cpus, threads, append) = setup;
        let host = Host::read(ground.target)?;
        let name = [
            ground.target.architecture.to_owned(),
            ground.release(),
            host.emulator.clone(),
            cpus.to_string(),
            threads.to_string(),
            (*append).to_owned(),
        ];
        let wrong = reports.iter().filter_map(|report| fault(&name.join(" "), report)).collect();
        TABLE.keep(&[row::of(name.into(), &reports, &host)], &host)?;
        // What a row cannot say.
        let unclear = reports.iter().flatten().filter(|report| report.status != 0);
        unclear.for_each(|report| println!("{report}"));
        Ok(wrong)
    }

    fn boot(&self, ground: &Ground, Setup(cpus, threads, append): &Setup, run: u64) -> Result<Report> {
        let more = ["--seed".to_owned(), self.seed.wrapping_add(run).to_string()];
        let guest = Guest {
            kernel: &ground.kernel,
            memory: &ground.memory,
            cpus: *cpus,
            threads: *threads,
            append,
            emulator: &[],
            takes: self.budget,
            arguments: &arguments(self.budget, &more),
        };
        Report::read(&guest.said(ground.target)?)
    }
}

fn fault(name: &str, report: &Result<Report>) -> Option<String> {
    match report {
        Ok(report) if report.violations().is_empty() => None,
        Ok(report) => Some(format!("{name} does not conform: {}", report.violations().join(", "))),
        Err(error) => Some(format!("{name}: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_has_its_marks() {
        super::table::tests::has_its_marks(&super::TABLE);
    }
}
