//! `bonfire explore --mutate`: what becomes of each small change of the engine.
//!
//! Everything that is printed or written is made of [`Mutant`]s, which come from runs
//! made here or from reports of runs that were made anywhere, one part of the changes
//! each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bonfire_model::matrix::{Found, Group, Record, Runner};
use bonfire_model::mutate::{self, Excuse, Fate, Judgement, Mutation, Suite, Tried, UNIT_TESTS, UnitTest};
use bonfire_model::run::Design;
use serde::{Deserialize, Serialize};

use super::{Options, bar, markdown, names};
use crate::output::Output;
use crate::report::text::print;

const SCHEMA: &str = "bonfire-mutants";
const VERSION: u32 = 3;
const BONFIRE: &str = env!("CARGO_PKG_VERSION");

/// Tries every slip, or puts reports together, and tells.
pub(super) fn run(options: &Options, part: &str) -> Result<ExitCode> {
    let json = options.for_machines.open()?;
    if let Some(page) = &options.markdown {
        markdown::check(page)?;
    }
    let mutants = if options.merge.is_empty() { made(options, part)? } else { merged(&options.merge)? };
    if let Some(page) = &options.markdown {
        markdown::replace(page, &mutants.page())?;
    }
    let is_taken = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(output) = json {
        let _ = output.write(&(serde_json::to_string_pretty(&mutants)? + "\n"))?;
    }
    if !is_taken {
        print(&mutants.text())?;
    }
    Ok(ExitCode::from(mutants.status()))
}

/// The report for machines.
#[derive(Serialize, Deserialize)]
struct Mutants {
    schema: String,
    version: u32,
    /// Of the program, and of the engine in it.
    bonfire: String,
    /// Where it was tried.
    designs: Vec<String>,
    /// Which changes were tried: those with this in their names.
    part: String,
    /// The scenarios in which the engine as it ships does not hold, or shows nothing.
    wrong: Vec<String>,
    mutants: Vec<Mutant>,
    seconds: f64,
}

/// A change in a design, and what became of it.
#[derive(Serialize, Deserialize)]
struct Mutant {
    design: String,
    change: String,
    kind: String,
    /// `killed`, `excused`, `survives`, `outdated` or `unfinished`.
    judgement: String,
    /// The scenario that breaks, if one does.
    scenario: String,
    /// In how many scenarios it was tried.
    runs: usize,
    /// How many states were looked at in them.
    states: u64,
    /// Why nothing breaks, if that is excused.
    excuse: Option<String>,
}

fn made(options: &Options, part: &str) -> Result<Mutants> {
    let began = Instant::now();
    let threads = available_parallelism().map_or(1, usize::from);
    let limit_bytes = usize::try_from(options.memory << 20).unwrap_or(usize::MAX);
    let make = |what: &str, suite: &Suite, groups: Vec<Group>| {
        let bar = bar(what, &groups);
        let scenarios = &suite.scenarios[..];
        let progress = |record: &Record, settled: usize| {
            let name = &scenarios[record.job.scenario].name;
            bar.set_message(format!("{what}: {} {name}", record.job.design.name()));
            bar.inc(settled as u64);
        };
        let records = Runner { scenarios, threads, limit_bytes, progress: &progress }.run(&groups);
        bar.finish_and_clear();
        records
    };
    let all = Mutation::made(&options.designs(), part, make);
    ensure!(
        !all.tried.is_empty(),
        "no change has {part:?} in its name; docs/mutants.md has all, such as \"request.rs: poke: twice\""
    );
    Ok(Mutants::of(&all, part, began.elapsed().as_secs_f64()))
}

/// Puts reports together: of several that tried one change, the last counts.
fn merged(files: &[PathBuf]) -> Result<Mutants> {
    let mut reports = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?.into_iter();
    let Some(mut all) = reports.next() else { bail!("--merge needs reports of --mutate") };
    for report in reports {
        all.mutants.retain(|one| !report.mutants.iter().any(|other| one.is(other)));
        all.mutants.extend(report.mutants);
        all.designs.extend(report.designs);
        all.wrong.extend(report.wrong);
        all.seconds += report.seconds;
    }
    for one in &mut all.mutants {
        one.judge_again()?;
    }
    all.put_in_order();
    Ok(all)
}

fn read(file: &Path) -> Result<Mutants> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let report: Mutants = serde_json::from_str(&text)
        .with_context(|| format!("{} is no report of `bonfire explore --mutate --json`", file.display()))?;
    ensure!(
        (report.schema.as_str(), report.version, report.bonfire.as_str()) == (SCHEMA, VERSION, BONFIRE),
        "{} was written by another version of bonfire; make it with this one",
        file.display()
    );
    Ok(report)
}

impl Mutants {
    fn of(all: &Mutation, part: &str, seconds: f64) -> Self {
        let wrong = all.unchanged.iter().filter(|record| record.found != Found::Holds).map(|record| {
            let name = &all.suite.scenarios[record.job.scenario].name;
            format!("{} as it ships: {name} {:?}", record.job.design.name(), record.found)
        });
        Self {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            bonfire: BONFIRE.to_owned(),
            designs: all.designs.iter().map(|design| design.name().to_owned()).collect(),
            part: part.to_owned(),
            wrong: wrong.collect(),
            mutants: all.tried.iter().map(|one| Mutant::of(all, one)).collect(),
            seconds,
        }
    }

    fn put_in_order(&mut self) {
        let place = |name: &str| Design::ALL.iter().position(|design| design.name() == name);
        self.designs.sort_by_key(|name| place(name));
        self.designs.dedup();
        self.mutants.sort_by_cached_key(|one| (place(&one.design), one.change.clone()));
    }

    fn in_design(&self, design: &str) -> impl Iterator<Item = &Mutant> {
        self.mutants.iter().filter(move |one| one.design == design)
    }

    /// The excuses for changes that there are not.
    fn idle_excuses(&self) -> Vec<(Design, &'static str)> {
        if !self.part.is_empty() {
            return Vec::new();
        }
        let designs = self.designs.iter().filter_map(|name| names::design(name));
        let is_idle =
            |(design, name): &(Design, &str)| self.in_design(design.name()).all(|one| one.change != *name);
        designs.flat_map(mutate::excuses).filter(is_idle).collect()
    }

    /// The exit status: 0 if each change is killed or excused, 1 if not, 2 if that
    /// cannot be told.
    fn status(&self) -> u8 {
        let is = |judgement: &str| self.mutants.iter().any(|one| one.judgement == judgement);
        if is("survives") || is("outdated") || !self.idle_excuses().is_empty() {
            1
        } else if is("unfinished") || !self.wrong.is_empty() {
            2
        } else {
            0
        }
    }

    /// The report for people.
    fn text(&self) -> String {
        let mut text = String::new();
        for design in &self.designs {
            let [all, killed, excused] = counts(self.in_design(design));
            let _ = writeln!(text, "{design}: {all} changes, {killed} killed, {excused} excused");
            self.in_design(design).filter_map(Mutant::told).for_each(|told| text.push_str(&told));
        }
        for (design, name) in self.idle_excuses() {
            let _ = writeln!(text, "EXCUSED     {name} in {}, and there is no such change", design.name());
        }
        self.wrong.iter().for_each(|wrong| {
            let _ = writeln!(text, "{wrong}");
        });
        let said = match self.status() {
            0 => "Each is killed by a scenario, or excused.",
            1 => "Not every change is noticed, or an excuse is outdated.",
            _ => "Cannot tell.",
        };
        let _ = writeln!(text, "\n{} changes in {:.0} s. {said}", self.mutants.len(), self.seconds);
        text
    }

    /// The page that is kept of it.
    fn page(&self) -> String {
        let mut text = String::from("| design | changes | killed | excused |\n|---|---|---|---|\n");
        for design in &self.designs {
            let _ = writeln!(text, "| {design} | {} |", cells(self.in_design(design)));
        }
        let _ = writeln!(text, "| all | {} |", cells(self.mutants.iter()));
        text.push_str(
            "\n### By kind\n\n| kind of change | changes | killed | excused |\n|---|---|---|---|\n",
        );
        let kinds: BTreeSet<&str> = self.mutants.iter().map(|one| one.kind.as_str()).collect();
        for kind in kinds {
            let _ =
                writeln!(text, "| {kind} | {} |", cells(self.mutants.iter().filter(|one| one.kind == kind)));
        }
        text + &self.excused() + &unit_tests() + &self.each()
    }

    fn excused(&self) -> String {
        let mut by_reason: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for one in &self.mutants {
            if let Some(why) = one.excuse.as_deref().filter(|_| one.judgement == "excused") {
                by_reason.entry(why).or_default().entry(&one.change).or_default().push(&one.design);
            }
        }
        let mut text = String::from("\n### Excused\n");
        for (why, slips) in by_reason {
            let _ = writeln!(text, "\n{}{}:\n", why[..1].to_uppercase(), &why[1..]);
            for (name, designs) in slips {
                let _ = writeln!(text, "- {name} ({})", designs.join(", "));
            }
        }
        text
    }

    /// Each change, and which scenario notices it in each design.
    fn each(&self) -> String {
        let mut text = format!(
            "\n### Each change, and the scenario that notices it\n\n| change | {} |\n|---|{}\n",
            self.designs.join(" | "),
            "---|".repeat(self.designs.len())
        );
        let names: BTreeSet<&str> = self.mutants.iter().map(|one| one.change.as_str()).collect();
        for name in names {
            let cell = |design: &String| {
                self.in_design(design).find(|one| one.change == name).map_or("", Mutant::cell)
            };
            let cells: Vec<&str> = self.designs.iter().map(cell).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text
    }
}

impl Mutant {
    fn of(all: &Mutation, one: &Tried) -> Self {
        let mut mutant = Self {
            design: one.design.name().to_owned(),
            change: one.name.clone(),
            kind: one.slip.wrong.kind().to_owned(),
            judgement: String::new(),
            scenario: all.killer(one).to_owned(),
            runs: one.runs,
            states: one.states,
            excuse: None,
        };
        mutant.judge(one.design, &one.fate);
        mutant
    }

    /// By the excuses of today.
    fn judge_again(&mut self) -> Result<()> {
        let design = names::design(&self.design).with_context(|| format!("no design {}", self.design))?;
        let fate = match self.judgement.as_str() {
            "unfinished" => Fate::Unfinished,
            "killed" | "outdated" => Fate::Killed(0, Found::Vacuous),
            _ => Fate::Survived,
        };
        self.judge(design, &fate);
        Ok(())
    }

    fn judge(&mut self, design: Design, fate: &Fate) {
        let (judgement, excuse) = match mutate::judge(design, &self.change, fate) {
            Judgement::Killed => ("killed", None),
            Judgement::Excused(Excuse(why)) => ("excused", Some(why.to_owned())),
            Judgement::Survives => ("survives", None),
            Judgement::Outdated(Excuse(why)) => ("outdated", Some(why.to_owned())),
            Judgement::Unfinished => ("unfinished", None),
        };
        (self.judgement, self.excuse) = (judgement.to_owned(), excuse);
    }

    /// Whether this is the same change of the same design.
    fn is(&self, other: &Self) -> bool {
        (&self.design, &self.change) == (&other.design, &other.change)
    }

    /// What is to be said of it, unless all is well.
    fn told(&self) -> Option<String> {
        let Self { change, scenario, runs, .. } = self;
        Some(match self.judgement.as_str() {
            "survives" => format!("  SURVIVES    {change} ({runs} scenarios)\n"),
            "outdated" => format!("  EXCUSED     {change}, and yet {scenario} breaks\n"),
            "unfinished" => format!("  unfinished  {change}; give more --memory\n"),
            _ => return None,
        })
    }

    fn cell(&self) -> &str {
        match self.judgement.as_str() {
            "killed" | "outdated" => &self.scenario,
            "excused" => "excused",
            "survives" => "**survives**",
            _ => "**unfinished**",
        }
    }
}

/// How many there are, how many of them are killed, and how many excused.
fn counts<'a>(mutants: impl Iterator<Item = &'a Mutant>) -> [usize; 3] {
    mutants.fold([0; 3], |[all, killed, excused], one| {
        let is = |judgement| usize::from(one.judgement == judgement);
        [all + 1, killed + is("killed"), excused + is("excused")]
    })
}

fn cells<'a>(mutants: impl Iterator<Item = &'a Mutant>) -> String {
    counts(mutants).map(|count| count.to_string()).join(" | ")
}

fn unit_tests() -> String {
    let mut text = String::from(
        "\n### What no machine can do for the engine\n\nChoices of the engine's own that no operation of a \
         machine stands for, and the test that notices them.\n\n| fault | test |\n|---|---|\n",
    );
    for UnitTest { fault, file, test } in UNIT_TESTS {
        let _ = writeln!(text, "| {fault} | `{test}` in `{file}` of `bonfire-engine` |");
    }
    text
}
