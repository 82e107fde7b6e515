//! `bonfire explore --mutate`: what becomes of each small change of the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Result, ensure};
use bonfire_model::matrix::{Found, Group, Record, Runner};
use bonfire_model::mutate::{Excuse, Judgement, Mutation, Suite, Tried, UNIT_TESTS, UnitTest};
use bonfire_model::run::Design;
use serde::Serialize;

use super::{Options, bar, markdown, settled};
use crate::output::Output;
use crate::report::text::print;

/// Tries every slip, and tells.
pub(super) fn run(options: &Options, part: &str) -> Result<ExitCode> {
    let json = options.json.as_deref().map(Output::open).transpose()?;
    if let Some(page) = &options.markdown {
        markdown::check(page)?;
    }
    let mutants = Mutants::made(options, part)?;
    if let Some(page) = &options.markdown {
        markdown::replace(page, &mutants.page())?;
    }
    let is_taken = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(output) = json {
        let _ = output.write(&(serde_json::to_string_pretty(&mutants.report())? + "\n"))?;
    }
    if !is_taken {
        print(&mutants.text())?;
    }
    Ok(ExitCode::from(mutants.all.status()))
}

/// What became of all changes, and how long that took.
struct Mutants {
    all: Mutation,
    seconds: f64,
}

impl Mutants {
    fn made(options: &Options, part: &str) -> Result<Self> {
        let began = Instant::now();
        let threads = available_parallelism().map_or(1, usize::from);
        let limit_bytes = usize::try_from(options.memory << 20).unwrap_or(usize::MAX);
        let make = |what: &str, suite: &Suite, groups: Vec<Group>| {
            let bar = bar(what, &groups);
            let scenarios = &suite.scenarios[..];
            let progress = |record: &Record| {
                let name = &scenarios[record.job.scenario].name;
                bar.set_message(format!("{what}: {} {name}", record.job.design.name()));
                bar.inc(settled(&groups, record));
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
        Ok(Self { all, seconds: began.elapsed().as_secs_f64() })
    }

    fn count(&self, design: Design, wanted: fn(&Judgement) -> bool) -> usize {
        self.all.of(design).filter(|one| wanted(&one.judgement())).count()
    }

    /// The report for people.
    fn text(&self) -> String {
        let mut text = String::new();
        for &design in &self.all.designs {
            let _ = writeln!(
                text,
                "{}: {} changes, {} killed, {} excused",
                design.name(),
                self.all.of(design).count(),
                self.count(design, |judgement| *judgement == Judgement::Killed),
                self.count(design, |judgement| matches!(judgement, Judgement::Excused(_)))
            );
            for one in self.all.of(design) {
                let said = match one.judgement() {
                    Judgement::Killed | Judgement::Excused(_) => continue,
                    Judgement::Survives => format!("SURVIVES    {} ({} scenarios)", one.name, one.runs),
                    Judgement::Outdated(_) => {
                        format!("EXCUSED     {}, and yet {} breaks", one.name, self.all.killer(one))
                    }
                    Judgement::Unfinished => format!("unfinished  {}; give more --memory", one.name),
                };
                let _ = writeln!(text, "  {said}");
            }
        }
        for (design, name) in self.all.idle_excuses() {
            let _ = writeln!(text, "EXCUSED     {} in {}, and there is no such change", name, design.name());
        }
        for record in self.all.unchanged.iter().filter(|record| record.found != Found::Holds) {
            let name = &self.all.suite.scenarios[record.job.scenario].name;
            let _ = writeln!(text, "{} as it ships: {name} {:?}", record.job.design.name(), record.found);
        }
        let said = match self.all.status() {
            0 => "Each is killed by a scenario, or excused.",
            1 => "Not every change is noticed, or an excuse is outdated.",
            _ => "Cannot tell.",
        };
        let _ = writeln!(text, "\n{} changes in {:.0} s. {said}", self.all.tried.len(), self.seconds);
        text
    }

    /// The page that is kept of it.
    fn page(&self) -> String {
        let mut text = String::from("| design | changes | killed | excused |\n|---|---|---|---|\n");
        for &design in &self.all.designs {
            let killed = self.count(design, |judgement| *judgement == Judgement::Killed);
            let excused = self.count(design, |judgement| matches!(judgement, Judgement::Excused(_)));
            let _ = writeln!(
                text,
                "| {} | {} | {killed} | {excused} |",
                design.name(),
                self.all.of(design).count()
            );
        }
        text.push_str(
            "\n### By kind\n\n| kind of change | changes | killed | excused |\n|---|---|---|---|\n",
        );
        let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for one in &self.all.tried {
            let counts = kinds.entry(one.slip.wrong.kind()).or_default();
            let judgement = one.judgement();
            counts[0] += 1;
            counts[1] += usize::from(judgement == Judgement::Killed);
            counts[2] += usize::from(matches!(judgement, Judgement::Excused(_)));
        }
        for (kind, [all, killed, excused]) in kinds {
            let _ = writeln!(text, "| {kind} | {all} | {killed} | {excused} |");
        }
        text + &self.excused() + &unit_tests() + &self.each()
    }

    fn excused(&self) -> String {
        let mut by_reason: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for one in &self.all.tried {
            if let Judgement::Excused(Excuse(why)) = one.judgement() {
                by_reason.entry(why).or_default().entry(&one.name).or_default().push(one.design.name());
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
        let heads: Vec<&str> = self.all.designs.iter().map(|design| design.name()).collect();
        let mut text = format!(
            "\n### Each change, and the scenario that notices it\n\n| change | {} |\n|---|{}\n",
            heads.join(" | "),
            "---|".repeat(heads.len())
        );
        let names: BTreeSet<&str> = self.all.tried.iter().map(|one| one.name.as_str()).collect();
        for name in names {
            let cell = |&design: &Design| match self.all.of(design).find(|one| one.name == name) {
                None => "",
                Some(one) if matches!(one.judgement(), Judgement::Excused(_)) => "excused",
                Some(one) => self.all.killer(one),
            };
            let cells: Vec<&str> = self.all.designs.iter().map(cell).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text
    }

    fn report(&self) -> Report<'_> {
        let mutant = |one| Mutant::of(self, one);
        Report { schema: "bonfire-mutants", version: 1, mutants: self.all.tried.iter().map(mutant).collect() }
    }
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

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    version: u32,
    mutants: Vec<Mutant<'a>>,
}

#[derive(Serialize)]
struct Mutant<'a> {
    design: &'static str,
    change: &'a str,
    kind: &'static str,
    /// `killed`, `excused`, `survives`, `outdated` or `unfinished`.
    judgement: &'static str,
    /// The scenario that breaks, if one does.
    scenario: &'a str,
    /// Why nothing breaks, if that is excused.
    excuse: Option<&'static str>,
}

impl<'a> Mutant<'a> {
    fn of(mutants: &'a Mutants, one: &'a Tried) -> Self {
        let (judgement, excuse) = match one.judgement() {
            Judgement::Killed => ("killed", None),
            Judgement::Excused(Excuse(why)) => ("excused", Some(why)),
            Judgement::Survives => ("survives", None),
            Judgement::Outdated(Excuse(why)) => ("outdated", Some(why)),
            Judgement::Unfinished => ("unfinished", None),
        };
        Self {
            design: one.design.name(),
            change: &one.name,
            kind: one.slip.wrong.kind(),
            judgement,
            scenario: mutants.all.killer(one),
            excuse,
        }
    }
}
