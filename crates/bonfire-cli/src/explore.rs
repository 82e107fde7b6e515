//! `bonfire explore`: every barrier of the engine, on every interleaving.
//!
//! A [`Question`] says what is explored. Its answer is [`Results`], which come
//! from runs made here ([`explore`]) or from the reports of shards made anywhere
//! ([`shard::merge`]); everything that is printed or written is made of them, so
//! that it is the same either way.

mod counterexample;
pub(crate) mod explain;
mod json;
mod markdown;
mod mutants;
mod names;
mod question;
mod results;
mod shard;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Result, ensure};
use bonfire_engine::Site;
use bonfire_model::answer::Answer;
use bonfire_model::architecture::Architecture;
use bonfire_model::machine::Change;
use bonfire_model::matrix::{Group, Record, Runner};
use bonfire_model::minimal::{Minimal, minimal};
use bonfire_model::question::{Changes, Question};
use bonfire_model::run::Design;
use clap::Args;
use indicatif::ProgressBar;

use crate::arguments::ForMachines;
use crate::environment;
use crate::output::Output;
use crate::progress;
use crate::report::text::print;
use crate::shard::Shard;
use question::{Asked, Model};
use results::{Measured, Results};

/// Explore every interleaving of the engine under a weak memory model, with and without its barriers
///
/// Each scenario runs on each design, with interrupts taken anywhere; then with each barrier taken
/// out, until some scenario breaks. Exits with 0 if every scenario holds and every barrier is needed
/// or excused, 1 if not, 2 if that cannot be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this design; may be repeated
    #[arg(long, value_parser = names::designs())]
    design: Vec<Design>,
    /// Only scenarios whose names contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    scenario: String,
    /// Only this engine: SITE taken out, or SITE=write, SITE=acquire, SITE=release; shows what breaks
    #[arg(long, value_name = "SITE", value_parser = names::change)]
    mutant: Option<(Site, Change)>,
    /// How weak the machine is
    #[arg(long, value_enum, default_value = "weak")]
    model: Model,
    /// Scenarios of two CPUs, or of three and four
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3))]
    cpus: u8,
    /// Weaken each barrier, too, and try every scenario on each change
    #[arg(long, conflicts_with = "mutant")]
    all_mutants: bool,
    /// Change one access or choice of the engine after the other; each must be noticed. With TEXT,
    /// only changes whose names contain it
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["mutant", "all_mutants", "shard", "list", "draw", "svg", "model", "cpus", "scenario"])]
    mutate: Option<String>,
    /// How much memory the states may take
    #[arg(long, value_name = "MIB", default_value = "2048", value_parser = memory)]
    memory: u64,
    /// Only the I-th of N parts, to be put together by --merge
    #[arg(long, value_name = "I/N", conflicts_with = "mutant")]
    shard: Option<Shard>,
    /// Put the reports of all shards together, and explore nothing
    #[arg(long, value_name = "FILES", num_args = 1.., conflicts_with_all = OF_A_RUN)]
    merge: Vec<PathBuf>,
    /// List the scenarios that would run
    #[arg(long, conflicts_with_all = ["json", "svg", "markdown", "merge"])]
    list: bool,
    /// Draw the scenarios that would run, and name the barriers that each passes
    #[arg(long, conflicts_with_all = ["json", "svg", "markdown", "merge", "list"])]
    draw: bool,
    #[command(flatten)]
    for_machines: ForMachines,
    /// Draw the counter-example, if there is one
    #[arg(long, value_name = "FILE", conflicts_with = "shard")]
    svg: Option<PathBuf>,
    /// Write what each design needs, also on stronger machines, between the marks in FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_A_PART)]
    markdown: Option<PathBuf>,
}

/// What a run is asked for and a merge is not.
const OF_A_RUN: [&str; 9] =
    ["design", "scenario", "mutant", "model", "cpus", "all_mutants", "memory", "shard", "svg"];

/// What makes a run say less than the page that is kept of it.
const OF_A_PART: [&str; 8] = ["design", "scenario", "mutant", "model", "cpus", "all_mutants", "shard", "svg"];

/// Explores, and tells.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if let Some(part) = &options.mutate {
        return mutants::run(options, part);
    }
    if !options.merge.is_empty() {
        ensure!(
            options.markdown.is_none(),
            "--merge writes no page of barriers: it has one machine, and the page three"
        );
        return tell(&shard::merge(&options.merge)?, options, open(options)?);
    }
    let (asked, question) = options.question()?;
    if options.list {
        print(&text::list(&question))?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.draw {
        let unchanged = runner(&question, options.memory, &|_, _| ()).run(&question.unchanged());
        print(&text::drawn(&question, &unchanged))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Opened first, so that a path that cannot be written costs no run.
    let outputs = open(options)?;
    if let Some(page) = &options.markdown {
        markdown::check(page)?;
    }
    let results = explore((asked, question), options.shard, options.memory);
    tell(&results, options, outputs)
}

/// Where the report and the picture go.
type Outputs = (Option<Output>, Option<Output>);

fn open(options: &Options) -> Result<Outputs> {
    Ok((options.for_machines.open()?, options.svg.as_deref().map(Output::open).transpose()?))
}

/// Writes and prints what came of it, and says how the process exits.
fn tell(results: &Results, options: &Options, (json, svg): Outputs) -> Result<ExitCode> {
    let taken = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(output) = json {
        let _ = output.write(&json::report(results)?)?;
    }
    let found = counterexample::of(results, options.memory);
    if let (Some(output), Some(found)) = (svg, &found) {
        let _ = output.write(&found.svg())?;
    }
    let report = text::report(results, found.map(|found| found.text()).as_deref());
    if let Some(page) = &options.markdown {
        markdown::write(page, results, options.memory)?;
    }
    if !taken {
        print(&report)?;
    }
    Ok(ExitCode::from(results.answer.verdict.status()))
}

/// Makes the runs that answer a question, or the part of them that is `shard`.
fn explore((asked, question): (Asked, Question), shard: Option<Shard>, memory_mib: u64) -> Results {
    let began = Instant::now();
    let make = |what: &str, groups: Vec<Group>| {
        let bar = bar(what, &groups);
        let progress = |record: &Record, settled: usize| {
            bar.set_message(format!("{what}: {} {}", record.job.design.name(), question.name_of(record)));
            bar.inc(settled as u64);
        };
        let records = runner(&question, memory_mib, &progress).run(&groups);
        bar.finish_and_clear();
        records
    };
    let mut groups = question.unchanged();
    groups
        .retain(|group| group.iter().all(|job| shard.is_none_or(|shard| shard::has(shard, &question, job))));
    let unchanged = make("as it ships", groups);
    let changed = make("changed", question.changed(&unchanged));
    let measured = Measured {
        seconds: began.elapsed().as_secs_f64(),
        peak_memory_bytes: environment::peak_memory_bytes(),
        memory_limit_mib: memory_mib,
    };
    let answer = Answer::new(question, shard.is_none(), unchanged, changed);
    Results { asked, answer, shard, measured }
}

/// All CPUs, and this much memory.
fn runner<'a>(
    question: &'a Question,
    memory_mib: u64,
    progress: &'a (dyn Fn(&Record, usize) + Sync),
) -> Runner<'a> {
    let threads = available_parallelism().map_or(1, usize::from);
    let limit_bytes = usize::try_from(memory_mib << 20).unwrap_or(usize::MAX);
    Runner { scenarios: &question.scenarios, threads, limit_bytes, progress }
}

/// For each design, on each architecture, a set of sites that suffices.
fn minimal_sets(question: &Question, memory_mib: u64) -> Vec<(Design, [Minimal; 3])> {
    let bar = ProgressBar::new_spinner();
    let progress = |_: &Record, _: usize| bar.inc(1);
    let runner = runner(question, memory_mib, &progress);
    let sets = question.designs.iter().map(|&design| {
        let on = |architecture: Architecture| {
            bar.set_message(format!("what suffices: {} on {}", design.name(), architecture.name()));
            minimal(&runner, design, architecture)
        };
        (design, Architecture::ALL.map(on))
    });
    let sets = sets.collect();
    bar.finish_and_clear();
    sets
}

fn bar(what: &str, groups: &[Group]) -> ProgressBar {
    progress::bar(groups.iter().map(Vec::len).sum()).with_message(what.to_owned())
}

impl Options {
    /// Each design once, in their order.
    fn designs(&self) -> Vec<Design> {
        Design::ALL
            .into_iter()
            .filter(|design| self.design.is_empty() || self.design.contains(design))
            .collect()
    }

    fn question(&self) -> Result<(Asked, Question)> {
        let changes = match self.mutant {
            Some(change) => Changes::One(change),
            None if self.all_mutants => Changes::All,
            None => Changes::Deletions,
        };
        Asked::new(self.model, self.cpus, &self.designs(), &self.scenario, changes)
    }
}

fn memory(text: &str) -> Result<u64, String> {
    const MOST: u64 = 1 << 30;
    match text.parse() {
        Ok(mib @ 1..=MOST) => Ok(mib),
        _ => Err(format!("not a number of MiB from 1 to {MOST}")),
    }
}
