//! What is explored, as it is typed and as reports say it.

use anyhow::{Context, Result, bail};
use bonfire_model::explorer::{Memory, Rules};
use bonfire_model::question::{Changes, Question};
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Scenario};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::names;

/// How weak the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Model {
    /// Out-of-order windows, early loads, load buffering; one order of writes
    Weak,
    /// The same without load buffering
    NoLb,
    /// Total store order, as x86
    Tso,
    /// Sequential consistency
    Sc,
}

/// What is explored, by its names, as reports say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) memory: Model,
    /// What a poke says about order: nothing.
    pokes: String,
    pub(super) cpus: u8,
    designs: Vec<String>,
    /// A part of the names of the scenarios.
    scenario: String,
    /// `deletions`, `all`, or a changed site as `--mutant` takes it.
    changes: String,
    /// How many scenarios were chosen, and a number made of all that they say.
    scenarios: usize,
    pub(super) suite: String,
}

impl Asked {
    /// A question, and how reports say it.
    pub(super) fn new(
        memory: Model,
        cpus: u8,
        designs: &[Design],
        scenario: &str,
        changes: Changes,
    ) -> Result<(Self, Question)> {
        let question = Question {
            rules: Rules { memory: memory.rules(), ..Rules::WEAK },
            designs: designs.to_vec(),
            scenarios: chosen(cpus, scenario)?,
            has_all: cpus == 2 && scenario.is_empty(),
            changes,
        };
        let asked = Self {
            memory,
            pokes: "none".to_owned(),
            cpus,
            designs: designs.iter().map(|design| design.name().to_owned()).collect(),
            scenario: scenario.to_owned(),
            changes: spelled(changes),
            scenarios: question.scenarios.len(),
            suite: format!("{:016x}", question.suite()),
        };
        Ok((asked, question))
    }

    /// The same on another machine.
    pub(super) fn on(&self, memory: Model) -> Result<(Self, Question)> {
        let design =
            |name: &String| names::design(name).with_context(|| format!("no design is called {name}"));
        let designs: Vec<Design> = self.designs.iter().map(design).collect::<Result<_>>()?;
        Self::new(memory, self.cpus, &designs, &self.scenario, read(&self.changes)?)
    }
}

impl Model {
    const fn rules(self) -> Memory {
        match self {
            Self::Weak => Memory::Weak,
            Self::NoLb => Memory::NoLoadBuffering,
            Self::Tso => Memory::Tso,
            Self::Sc => Memory::Sc,
        }
    }
}

fn spelled(changes: Changes) -> String {
    match changes {
        Changes::Deletions => "deletions".to_owned(),
        Changes::All => "all".to_owned(),
        Changes::One(change) => names::spelled(change),
    }
}

fn read(text: &str) -> Result<Changes> {
    match text {
        "deletions" => Ok(Changes::Deletions),
        "all" => Ok(Changes::All),
        one => names::change(one).map(Changes::One).map_err(anyhow::Error::msg),
    }
}

fn suite(cpus: u8) -> Vec<Scenario> {
    if cpus == 2 { scenario::two_cpus() } else { scenario::more_cpus() }
}

fn chosen(cpus: u8, part: &str) -> Result<Vec<Scenario>> {
    let has = |scenario: &Scenario| scenario.name.contains(part);
    let all = suite(cpus);
    if !all.iter().any(has) {
        let other = if cpus == 2 { 3 } else { 2 };
        if suite(other).iter().any(has) {
            bail!("no scenario of --cpus {cpus} has {part:?} in its name, but one of --cpus {other} has");
        }
        let nearest = names::nearest(part, all.iter().map(|scenario| scenario.name.as_str()));
        bail!(
            "no scenario has {part:?} in its name; the nearest is {:?}, and --list shows all",
            nearest.unwrap_or_default()
        );
    }
    Ok(all.into_iter().filter(has).collect())
}
