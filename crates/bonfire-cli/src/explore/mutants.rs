//! `bonfire explore --mutate`: what becomes of each small change of the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::Result;
use bonfire_model::explorer::Rules;
use bonfire_model::matrix::{Group, Record, Runner};
use bonfire_model::mutate::{self, Excuse, Fate, Judgement, Tried};
use bonfire_model::run::Design;
use bonfire_model::scenario::Scenario;
use serde::Serialize;

use super::{Options, bar, markdown, settled};
use crate::output::Output;
use crate::report::text::print;

/// Everything that was tried, and in what.
struct Mutants {
    designs: Vec<Design>,
    scenarios: Vec<Scenario>,
    unchanged: Vec<Record>,
    tried: Vec<Tried>,
    seconds: f64,
}

/// Tries every slip, and tells.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let json = options.json.as_deref().map(Output::open).transpose()?;
    if let Some(page) = &options.markdown {
        markdown::check(page)?;
    }
    let designs = if options.design.is_empty() { Design::ALL.to_vec() } else { options.design.clone() };
    let mutants = Mutants::try_all(designs, options.memory);
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
    Ok(ExitCode::from(mutate::status(&mutants.unchanged, &mutants.tried)))
}

impl Mutants {
    fn try_all(designs: Vec<Design>, memory_mib: u64) -> Self {
        let began = Instant::now();
        let (scenarios, two_cpus) = mutate::scenarios();
        let make = |what: &str, groups: Vec<Group>| {
            let bar = bar(what, &groups);
            let progress = |record: &Record| {
                let name = &scenarios[record.job.scenario].name;
                bar.set_message(format!("{what}: {} {name}", record.job.design.name()));
                bar.inc(settled(&groups, record));
            };
            let threads = available_parallelism().map_or(1, usize::from);
            let limit_bytes = usize::try_from(memory_mib << 20).unwrap_or(usize::MAX);
            let records =
                Runner { scenarios: &scenarios, threads, limit_bytes, progress: &progress }.run(&groups);
            bar.finish_and_clear();
            records
        };
        let unchanged = make("as it ships", mutate::unchanged(&scenarios, two_cpus, &designs, Rules::WEAK));
        let changed = make("changed", mutate::groups(&scenarios, two_cpus, &unchanged, Rules::WEAK));
        let tried = mutate::tried(&unchanged, &changed);
        Self { designs, scenarios, unchanged, tried, seconds: began.elapsed().as_secs_f64() }
    }

    fn of(&self, design: Design) -> impl Iterator<Item = &Tried> {
        self.tried.iter().filter(move |one| one.design == design)
    }

    fn count(&self, design: Design, wanted: fn(&Judgement) -> bool) -> usize {
        self.of(design).filter(|one| wanted(&one.judgement())).count()
    }

    fn killer(&self, one: &Tried) -> &str {
        match &one.fate {
            Fate::Killed(place, _) => &self.scenarios[*place].name,
            Fate::Survived | Fate::Unfinished => "",
        }
    }

    /// The report for people.
    fn text(&self) -> String {
        let mut text = String::new();
        for &design in &self.designs {
            let _ = writeln!(
                text,
                "{}: {} changes, {} killed, {} excused",
                design.name(),
                self.of(design).count(),
                self.count(design, |judgement| *judgement == Judgement::Killed),
                self.count(design, |judgement| matches!(judgement, Judgement::Excused(_)))
            );
            for one in self.of(design) {
                let said = match one.judgement() {
                    Judgement::Killed | Judgement::Excused(_) => continue,
                    Judgement::Survives => format!("SURVIVES    {} ({} scenarios)", one.name, one.runs),
                    Judgement::Outdated(_) => {
                        format!("EXCUSED     {}, and yet {} breaks", one.name, self.killer(one))
                    }
                    Judgement::Unfinished => format!("unfinished  {}; give more --memory", one.name),
                };
                let _ = writeln!(text, "  {said}");
            }
        }
        for record in
            self.unchanged.iter().filter(|record| record.found != bonfire_model::matrix::Found::Holds)
        {
            let name = &self.scenarios[record.job.scenario].name;
            let _ = writeln!(text, "{} as it ships: {name} {:?}", record.job.design.name(), record.found);
        }
        let said = match mutate::status(&self.unchanged, &self.tried) {
            0 => "Each is killed by a scenario, or excused.",
            1 => "Not every change is noticed, or an excuse is outdated.",
            _ => "Cannot tell.",
        };
        let _ = writeln!(text, "\n{} changes in {:.0} s. {said}", self.tried.len(), self.seconds);
        text
    }

    /// The page that is kept of it.
    fn page(&self) -> String {
        let mut text = String::from("| design | changes | killed | excused |\n|---|---|---|---|\n");
        for &design in &self.designs {
            let killed = self.count(design, |judgement| *judgement == Judgement::Killed);
            let excused = self.count(design, |judgement| matches!(judgement, Judgement::Excused(_)));
            let _ =
                writeln!(text, "| {} | {} | {killed} | {excused} |", design.name(), self.of(design).count());
        }
        text.push_str(
            "\n### By kind\n\n| kind of change | changes | killed | excused |\n|---|---|---|---|\n",
        );
        let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for one in &self.tried {
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
        for one in &self.tried {
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
        let heads: Vec<&str> = self.designs.iter().map(|design| design.name()).collect();
        let mut text = format!(
            "\n### Each change, and the scenario that notices it\n\n| change | {} |\n|---|{}\n",
            heads.join(" | "),
            "---|".repeat(heads.len())
        );
        let names: BTreeSet<&str> = self.tried.iter().map(|one| one.name.as_str()).collect();
        for name in names {
            let cell = |&design: &Design| match self.of(design).find(|one| one.name == name) {
                None => "",
                Some(one) if matches!(one.judgement(), Judgement::Excused(_)) => "excused",
                Some(one) => self.killer(one),
            };
            let cells: Vec<&str> = self.designs.iter().map(cell).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text
    }

    fn report(&self) -> Report<'_> {
        let mutant = |one| Mutant::of(self, one);
        Report { schema: "bonfire-mutants", version: 1, mutants: self.tried.iter().map(mutant).collect() }
    }
}

fn unit_tests() -> String {
    let mut text = String::from(
        "\n### What no machine can do for the engine\n\nChoices of the engine's own that no operation of a \
         machine stands for, and the test that notices them.\n\n| fault | test |\n|---|---|\n",
    );
    for (fault, test) in mutate::unit_tests() {
        let _ = writeln!(text, "| {fault} | `{test}` |");
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
            scenario: mutants.killer(one),
            excuse,
        }
    }
}
