//! `bonfire scale`: what each way to make barriers costs on large machines.
//!
//! A [`Plan`] says which runs are made. What came of them are [`Results`], from
//! runs made here or from the reports of shards; the tables, the answers, the
//! report for machines and the page are all made of them.

mod answers;
mod calibrate;
mod fit;
mod growth;
mod json;
mod page;
mod plan;
mod plot;
mod runner;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use bonfire_scale::{Design, Hardware, MACHINES, WORKLOADS, Workload};
use clap::Args;

use crate::arguments::ForMachines;
use crate::output::Output;
use crate::report::text::print;
use crate::shard::Shard;
use json::Results;
use plan::Plan;

/// Run the engine on machines of up to 4,096 CPUs in virtual time, beside Linux's designs
///
/// Without options, compares all designs on a server of 384 CPUs, shows how their costs grow with
/// CPUs, threads and attackers, and answers the questions of the thread in which membarrier's design
/// was argued. With options, runs every workload that is named, with every design that is named.
#[derive(Args)]
pub(crate) struct Options {
    /// The machine: one of --list, or a file; more than one may be given
    #[arg(long, value_name = "MACHINE")]
    machine: Vec<String>,
    /// The workload: one of --list, or a file; more than one may be given
    #[arg(long, value_name = "WORKLOAD")]
    workload: Vec<String>,
    /// Only this design; may be repeated
    #[arg(long, value_parser = designs())]
    design: Vec<Design>,
    /// The machine with so many CPUs; more than one number may be given
    #[arg(long, value_name = "NUMBER", value_delimiter = ',')]
    cpus: Vec<usize>,
    /// Where random numbers begin: a seed reproduces a run exactly
    #[arg(long, default_value = "1")]
    seed: u64,
    /// After how many steps a run ends at the latest
    #[arg(long, value_name = "NUMBER", default_value = "4000000", value_parser = clap::value_parser!(u64).range(1_000..))]
    steps: u64,
    /// After how many calls a run ends at the latest
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    calls: Option<u64>,
    /// How much memory a run may take
    #[arg(long, value_name = "MIB", default_value = "4096")]
    memory: u64,
    /// How long all runs together may take at most
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    time: u64,
    /// Only the I-th of N parts, to be put together by --merge
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Put the reports of all shards together, and run nothing
    #[arg(long, value_name = "FILES", num_args = 1.., conflicts_with_all = OF_A_RUN)]
    merge: Vec<PathBuf>,
    /// Measure this host, in less than a minute, and write its machine file to FILE or stdout
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", conflicts_with_all = NOT_OF_THE_HOST)]
    calibrate: Option<PathBuf>,
    /// Hold the model to what was measured on a machine beside its costs: one of --list, or a file
    #[arg(long, value_name = "MACHINE", conflicts_with_all = NOT_OF_THE_HOST, conflicts_with = "calibrate")]
    validate: Option<String>,
    /// List the machines, workloads and designs
    #[arg(long, conflicts_with_all = ["json", "html", "trace", "merge", "calibrate", "validate"])]
    list: bool,
    #[command(flatten)]
    for_machines: ForMachines,
    /// Write a page with plots to FILE; it needs nothing but itself
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    html: Option<PathBuf>,
    /// Write who interrupted whom to FILE, for Perfetto or Chrome's tracing; the options must name one run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["shard", "merge"])]
    trace: Option<PathBuf>,
}

/// What a run is asked for and a merge is not.
const OF_A_RUN: [&str; 8] = ["machine", "workload", "design", "cpus", "seed", "steps", "calls", "shard"];

/// What a run is asked for and a look at this host is not.
const NOT_OF_THE_HOST: [&str; 14] = [
    "machine", "workload", "design", "cpus", "seed", "steps", "calls", "shard", "memory", "time", "merge",
    "json", "html", "trace",
];

/// Runs, and tells.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        print(&list())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &options.calibrate {
        return calibrate::calibrate(file);
    }
    if let Some(name) = &options.validate {
        return calibrate::validate(&machine(name)?);
    }
    if !options.merge.is_empty() {
        return tell(&json::merge(&options.merge)?, open(options)?);
    }
    let plan = options.plan()?;
    plan.fits(options.memory, options.time)?;
    if let Some(file) = &options.trace {
        trace(&plan, file)?;
    }
    // Opened first, so that a path that cannot be written costs no run.
    let outputs = open(options)?;
    tell(&runner::run(&plan, options.shard)?, outputs)
}

type Outputs = (Option<Output>, Option<Output>);

fn open(options: &Options) -> Result<Outputs> {
    Ok((options.for_machines.open()?, options.html.as_deref().map(Output::open).transpose()?))
}

/// Writes and prints what came of it.
fn tell(results: &Results, (json, html): Outputs) -> Result<ExitCode> {
    let taken = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(output) = json {
        output.write(&json::report(results)?)?;
    }
    if let Some(output) = html {
        output.write(&page::page(results)?)?;
    }
    if !taken {
        print(&table::report(results))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn trace(plan: &Plan, file: &std::path::Path) -> Result<()> {
    ensure!(
        plan.runs.len() == 1,
        "--trace shows one run, and the options name {}; add --workload, --design, --cpus",
        plan.runs.len()
    );
    let output = Output::open(file)?;
    let (_, timeline) = plan.runs[0].job.trace()?;
    output.write(&timeline)?;
    Ok(())
}

fn designs() -> impl clap::builder::TypedValueParser<Value = Design> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(Design::ALL.map(Design::name))
        .map(|name| Design::named(&name).expect("one of the possible values"))
}

fn list() -> String {
    let mut text = String::from("Machines:\n");
    for (name, _) in MACHINES {
        let machine = Hardware::named(name).expect("it is in the list");
        let extrapolated = if machine.extrapolated { " (extrapolated)" } else { "" };
        text.push_str(&format!("  {name:20} {}{extrapolated}\n", machine.says));
    }
    text.push_str("\nWorkloads:\n");
    for (name, _) in WORKLOADS {
        let workload = Workload::named(name).expect("it is in the list");
        text.push_str(&format!("  {name:20} {}\n", workload.says));
    }
    text.push_str("\nDesigns:\n");
    for design in Design::ALL {
        text.push_str(&format!("  {:20} {}\n", design.name(), design.says()));
    }
    text
}

impl Options {
    fn plan(&self) -> Result<Plan> {
        let is_default = self.machine.is_empty()
            && self.workload.is_empty()
            && self.design.is_empty()
            && self.cpus.is_empty();
        if is_default {
            return Plan::usual(self.seed, self.steps);
        }
        let machines =
            if self.machine.is_empty() { vec![String::from("server-384")] } else { self.machine.clone() };
        let workloads = if self.workload.is_empty() {
            WORKLOADS.map(|(name, _)| name.to_owned()).to_vec()
        } else {
            self.workload.clone()
        };
        let designs = if self.design.is_empty() { Design::ALL.to_vec() } else { self.design.clone() };
        let machines = machines.iter().map(|name| machine(name)).collect::<Result<Vec<_>>>()?;
        let mut workloads = workloads.iter().map(|name| workload(name)).collect::<Result<Vec<_>>>()?;
        if let Some(calls) = self.calls {
            workloads = workloads.into_iter().map(|workload| workload.with_calls(calls)).collect();
        }
        Plan::product(&machines, &self.cpus, &workloads, &designs, self.seed, self.steps)
    }
}

fn machine(name: &str) -> Result<Hardware> {
    if let Some(machine) = Hardware::named(name) {
        return Ok(machine);
    }
    let text = file("machine", name, &MACHINES.map(|(name, _)| name))?;
    Ok(Hardware::parse(name, &text)?)
}

fn workload(name: &str) -> Result<Workload> {
    if let Some(workload) = Workload::named(name) {
        return Ok(workload);
    }
    let text = file("workload", name, &WORKLOADS.map(|(name, _)| name))?;
    Ok(Workload::parse(name, &text)?)
}

/// What is in a file that is named where a name of the list could be.
fn file(what: &str, name: &str, known: &[&str]) -> Result<String> {
    if !name.contains(['/', '.']) {
        bail!("there is no {what} {name}; it is one of {}, or a file", known.join(", "));
    }
    fs::read_to_string(name).with_context(|| format!("cannot read the {what} {name}"))
}
