//! `bonfire bench`: what fences cost on this machine.
//!
//! Everything that is compared is measured in rounds of one run, through one call
//! site, and given as a median with the tenth and ninetieth percentile: on a
//! machine with neighbours a single time says nothing, and a ratio within a run a
//! lot. How small a difference may be that is still told, [`sample`] says.

pub(crate) mod crowd;
mod fences;
pub(crate) mod machine;
mod page;
mod plot;
mod rcu;
pub(crate) mod registration;
mod sample;
pub(crate) mod stall;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::arguments::ForMachines;
use crate::environment::Environment;
use crate::output::Output;
use crate::report::text;
use sample::Cost;

/// Measure what light and heavy fences cost on this machine
#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds each cost is the median of
    #[arg(long, value_name = "NUMBER", default_value = "51", value_parser = clap::value_parser!(u32).range(5..=10_000))]
    rounds: u32,

    /// The largest number of threads to measure with
    #[arg(long, value_name = "NUMBER", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    threads: u32,

    #[command(flatten)]
    for_machines: ForMachines,

    /// Write a page with plots to FILE; it needs nothing but itself
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Show what readers and updaters cost, of bonfire-rcu and its peers: measured now, in a checkout of
    /// the repository, or read from FILE, which the harness wrote there
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["rounds", "threads"])]
    #[expect(clippy::option_option, reason = "an option that may be given without its value")]
    rcu: Option<Option<PathBuf>>,

    /// Be one of the fresh processes in which registration is measured
    #[arg(long, hide = true, conflicts_with_all = ["json", "html"])]
    registration: Option<registration::Way>,
}

/// All that was measured, and where.
#[derive(Serialize)]
struct Bench {
    schema: &'static str,
    version: u32,
    bonfire: &'static str,
    environment: Environment,
    /// What the figures belong to.
    processor: Option<String>,
    /// How many tasks wanted a CPU in the minute before, and in the last one.
    load: [Option<f64>; 2],
    /// What could not be measured here, and why.
    not_measured: Vec<String>,
    costs: Vec<Cost>,
}

/// Measures, and writes what was asked for.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if let Some(way) = options.registration {
        return registration::in_this_process(way);
    }
    if let Some(file) = &options.rcu {
        return rcu::run(file.as_deref(), options);
    }
    let json = options.for_machines.open()?;
    let html = options.html.as_deref().map(Output::open).transpose()?;
    let bench = measure(options)?;
    let with_table = !json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&bench)? + "\n"))?;
    }
    if with_table {
        text::print(&table::table(&bench))?;
    }
    if let Some(html) = html {
        html.write(&page::page(&bench))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(options: &Options) -> Result<Bench> {
    // First, while this process has one thread: it takes microseconds.
    let tokens = bonfire::register().context("nothing to measure: there is no process-wide barrier")?;
    let mut bench = Bench {
        schema: "bonfire-bench",
        version: 2,
        bonfire: env!("CARGO_PKG_VERSION"),
        environment: Environment::read(),
        processor: machine::processor(),
        load: [machine::load(), None],
        not_measured: Vec::new(),
        costs: Vec::new(),
    };
    let rounds = options.rounds as usize;
    fences::light(&mut bench, rounds);
    fences::heavy(&mut bench, rounds, options.threads as usize, &tokens);
    fences::fallbacks(&mut bench, rounds, options.threads as usize);
    stall::measure(&mut bench, rounds, &tokens);
    registration::measure(&mut bench, rounds)?;
    bench.load[1] = machine::load();
    Ok(bench)
}

impl Bench {
    /// The processor, and how busy it was: without them a figure is nobody's.
    fn place(&self) -> String {
        let cpus = match machine::cpus() {
            1 => "1 CPU".into(),
            cpus => format!("{cpus} CPUs"),
        };
        let processor = self.processor.as_deref().unwrap_or("a processor that does not say its name");
        let load = self.load.map(|load| load.map_or("?".into(), |load| format!("{load:.1}")));
        format!("{processor} · {cpus} for this process · load {} before, {} after", load[0], load[1])
    }
}
