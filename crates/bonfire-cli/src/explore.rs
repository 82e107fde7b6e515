//! `bonfire explore`: every barrier of the engine, on every interleaving.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use bonfire_engine::Site;
use bonfire_model::diagram;
use bonfire_model::excuse::{self, Judgement};
use bonfire_model::explorer::{Barrier, Memory, Order, Rules};
use bonfire_model::machine::Change;
use bonfire_model::matrix::{self, Found, Matrix, Record, Runner};
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Scenario, three};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::Serialize;

/// Explore every interleaving of the engine under a weak memory model, with and without its barriers
///
/// Each scenario runs on each design, with interrupts taken anywhere; then with each barrier taken
/// out, until some scenario breaks. Exits with 0 if every scenario holds and every barrier is needed
/// or excused, 1 if not, 2 if that cannot be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this design: everywhere, running, mask, locked-mask, threads; may be repeated
    #[arg(long, value_parser = design)]
    design: Vec<Design>,
    /// Only scenarios whose names contain this
    #[arg(long, default_value = "")]
    scenario: String,
    /// Only this engine: SITE taken out, or SITE=write, SITE=acquire, SITE=release; shows what breaks
    #[arg(long, value_parser = mutant, conflicts_with = "all_mutants")]
    mutant: Option<(Site, Change)>,
    /// How weak the machine is
    #[arg(long, value_enum, default_value = "weak")]
    model: Model,
    /// Scenarios of two CPUs, or of three and four
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3))]
    cpus: u8,
    /// Weaken each barrier, too, and try every scenario on each change
    #[arg(long)]
    all_mutants: bool,
    /// How much memory the states may take, in MiB
    #[arg(long, default_value = "2048", value_name = "MIB")]
    memory: usize,
    /// Write what ran, and what came of it, to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// With --mutant: draw the first counter-example
    #[arg(long, value_name = "FILE", requires = "mutant")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Model {
    /// Out-of-order windows, early loads, load buffering; one order of writes
    Weak,
    /// The same without load buffering
    NoLb,
    /// Total store order, as x86
    Tso,
    /// Sequential consistency
    Sc,
}

/// Explores, and tells.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let scenarios = chosen(options)?;
    let bar = ProgressBar::new_spinner();
    let progress = |record: &Record| {
        bar.set_message(format!("{} {}", record.job.design.name(), scenarios[record.job.scenario].name));
        bar.inc(1);
    };
    let threads = available_parallelism().map_or(1, usize::from);
    let runner =
        Runner { scenarios: &scenarios, threads, limit_bytes: options.memory << 20, progress: &progress };
    let unchanged = runner.run(&matrix::unchanged(&scenarios, &options.designs(), options.rules()));
    let changed = runner.run(&options.changes(&unchanged));
    bar.finish_and_clear();
    if let Some(file) = &options.json {
        write_json(file, &scenarios, unchanged.iter().chain(&changed))?;
    }
    match options.mutant {
        Some(_) => show(options, &scenarios, &changed),
        None => Ok(report(&scenarios, &unchanged, &changed, options.is_whole())),
    }
}

impl Options {
    fn designs(&self) -> Vec<Design> {
        if self.design.is_empty() { Design::ALL.to_vec() } else { self.design.clone() }
    }

    fn rules(&self) -> Rules {
        let memory = match self.model {
            Model::Weak => Memory::Weak,
            Model::NoLb => Memory::NoLoadBuffering,
            Model::Tso => Memory::Tso,
            Model::Sc => Memory::Sc,
        };
        // A counter-example for people is a shortest one.
        let order = if self.mutant.is_some() { Order::BreadthFirst } else { Order::DepthFirst };
        Rules { memory, order, ..Rules::WEAK }
    }

    /// Whether every scenario runs that the excuses were judged against: only
    /// then does it mean anything that nothing breaks.
    fn is_whole(&self) -> bool {
        self.scenario.is_empty() && self.cpus == 2 && matches!(self.model, Model::Weak)
    }

    /// The runs with something changed.
    fn changes(&self, unchanged: &[Record]) -> Vec<matrix::Group> {
        match self.mutant {
            Some((site, change)) => matrix::changed(unchanged, &[site], &[change]),
            None if self.all_mutants => {
                matrix::each_for_itself(matrix::changed(unchanged, &Site::ALL, matrix::ALL_CHANGES))
            }
            None => matrix::changed(unchanged, &Site::ALL, matrix::DELETED),
        }
    }
}

fn chosen(options: &Options) -> Result<Vec<Scenario>> {
    let all = if options.cpus == 2 { scenario::two_cpus() } else { three::scenarios() };
    let chosen: Vec<Scenario> =
        all.into_iter().filter(|scenario| scenario.name.contains(&options.scenario)).collect();
    if chosen.is_empty() {
        bail!(
            "no scenario of this many CPUs has {:?} in its name; try `AB/SB`, or --cpus 3",
            options.scenario
        );
    }
    Ok(chosen)
}

fn design(name: &str) -> Result<Design, String> {
    let known = || Design::ALL.map(Design::name).join(", ");
    Design::ALL
        .into_iter()
        .find(|design| design.name() == name)
        .ok_or_else(|| format!("the designs are {}", known()))
}

fn mutant(text: &str) -> Result<(Site, Change), String> {
    let (name, weaker) = text.split_once('=').map_or((text, None), |(name, weaker)| (name, Some(weaker)));
    let known = || Site::ALL.map(Site::name).join(", ");
    let site = Site::ALL.into_iter().find(|site| site.name() == name);
    let site = site.ok_or_else(|| format!("the sites are {}", known()))?;
    let change = match weaker {
        None | Some("deleted") => Change::Deleted,
        Some("write") => Change::Weakened(Barrier::Write),
        Some("acquire") => Change::Weakened(Barrier::Acquire),
        Some("release") => Change::Weakened(Barrier::Release),
        Some(_) => return Err("a site is deleted, or becomes write, acquire or release".to_owned()),
    };
    if !matrix::applies(site, change) {
        return Err(format!("{name} serialises a core: it has no weaker form"));
    }
    Ok((site, change))
}

/// Shows what breaks without a barrier.
fn show(options: &Options, scenarios: &[Scenario], changed: &[Record]) -> Result<ExitCode> {
    let flawed = |record: &&Record| matches!(record.found, Found::Flawed(_));
    let Some(record) = changed.iter().find(flawed) else {
        anstream::println!("Nothing breaks in {} scenarios.", changed.len());
        let unfinished = changed.iter().any(|record| record.found == Found::CouldNotFinish);
        return Ok(if unfinished || changed.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS });
    };
    let title = title(scenarios, record);
    anstream::println!("{title}: {:?}\n", record.found);
    if let Some(trace) = &record.trace {
        anstream::println!("{}", diagram::text(trace, 38));
        if let Some(file) = &options.svg {
            fs::write(file, diagram::svg(trace, &title))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(ExitCode::FAILURE)
}

fn title(scenarios: &[Scenario], record: &Record) -> String {
    let changes: Vec<String> = record.job.mutant.iter().map(|change| told(*change)).collect();
    format!("{} {} {}", record.job.design.name(), scenarios[record.job.scenario].name, changes.join(", "))
}

fn told((site, change): (Site, Change)) -> String {
    match change {
        Change::Deleted => format!("without {}", site.name()),
        Change::Weakened(barrier) => format!("{} only {barrier:?}", site.name()),
    }
}

/// Prints the matrix, and says what is to be thought of it.
fn report(scenarios: &[Scenario], unchanged: &[Record], changed: &[Record], is_whole: bool) -> ExitCode {
    let states: u64 = unchanged.iter().chain(changed).map(|record| record.states).sum();
    let bad = unchanged.iter().filter(|record| record.found != Found::Holds);
    for record in bad.clone() {
        anstream::println!("{}: {:?}", title(scenarios, record), record.found);
    }
    let kills = matrix::matrix(changed);
    print_matrix(scenarios, &kills);
    let mut failures = excuse::failures(&kills);
    failures.retain(|(.., judgement)| is_whole || *judgement == Judgement::Unfinished);
    anstream::println!(
        "\n{} runs as it ships, {} changed, {states} states; {} failures{}",
        unchanged.len(),
        changed.len(),
        failures.len() + bad.clone().count(),
        if is_whole {
            ""
        } else {
            "; what survives a part of the scenarios, or another machine, is not judged"
        }
    );
    let unsure = |found: &Found| matches!(found, Found::CouldNotFinish | Found::Vacuous);
    let is_wrong = bad.clone().any(|record| !unsure(&record.found))
        || failures.iter().any(|(.., judgement)| *judgement != Judgement::Unfinished);
    match (is_wrong, bad.count() + failures.len()) {
        (true, _) => ExitCode::FAILURE,
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(2),
    }
}

fn print_matrix(scenarios: &[Scenario], kills: &Matrix) {
    for (&(design, site, change), cell) in kills {
        let verdict = match excuse::judge(design, site, change, cell) {
            Judgement::Needed => format!("needed: {}", scenarios[cell.killed_by[0]].name),
            Judgement::Excused(excuse) => format!("excused: {}", excuse.why()),
            Judgement::Unexplained => "nothing breaks, and no excuse".to_owned(),
            Judgement::Outdated(excuse) => format!("NEEDED, though excused: {}", excuse.why()),
            Judgement::Unfinished => "could not finish; allow more --memory".to_owned(),
        };
        anstream::println!("{:12}{:40}{verdict}", design.name(), told((site, change)));
    }
}

/// What ran, for machines.
#[derive(Serialize)]
struct Page<'a> {
    version: u32,
    runs: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    design: &'a str,
    scenario: &'a str,
    changes: Vec<String>,
    found: String,
    passed: Vec<&'a str>,
    states: u64,
}

fn write_json<'a>(
    file: &PathBuf,
    scenarios: &[Scenario],
    records: impl Iterator<Item = &'a Record>,
) -> Result<()> {
    let lines = records.map(|record| Line {
        design: record.job.design.name(),
        scenario: &scenarios[record.job.scenario].name,
        changes: record.job.mutant.iter().map(|change| told(*change)).collect(),
        found: format!("{:?}", record.found),
        passed: record.passed.iter().map(|site| site.name()).collect(),
        states: record.states,
    });
    let page = Page { version: 1, runs: lines.collect() };
    let text = serde_json::to_string_pretty(&page)?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_and_designs_are_named_as_the_engine_names_them() {
        for site in Site::ALL {
            assert_eq!(mutant(site.name()), Ok((site, Change::Deleted)));
        }
        assert_eq!(mutant("SysExit=write"), Ok((Site::SysExit, Change::Weakened(Barrier::Write))));
        assert!(mutant("Nowhere").is_err_and(|error| error.contains("SysEntry")));
        assert!(mutant("IpiCoreSync=write").is_err() && mutant("SysExit=none").is_err());
        assert!(design("walk").is_err_and(|error| error.contains("running")));
    }
}
