//! What is explored: everything on which the answer depends.

use anyhow::{Context, Result, bail};
use bonfire_engine::Site;
use bonfire_model::excuse;
use bonfire_model::explorer::{Memory, Rules};
use bonfire_model::machine::Change;
use bonfire_model::matrix::{self, Group, Record};
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Scenario};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::names;
use crate::shard::fnv1a;

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

/// Which engines are tried beside the one that ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// Each site taken out.
    Deletions,
    /// Each site taken out, and weakened in each way.
    All,
    /// One.
    One((Site, Change)),
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

/// What is explored.
pub(super) struct Question {
    pub(super) asked: Asked,
    pub(super) changes: Changes,
    designs: Vec<Design>,
    scenarios: Vec<Scenario>,
}

impl Question {
    pub(super) fn new(
        memory: Model,
        cpus: u8,
        designs: &[Design],
        scenario: &str,
        changes: Changes,
    ) -> Result<Self> {
        let mut designs = designs.to_vec();
        designs.sort_unstable();
        designs.dedup();
        let scenarios = chosen(cpus, scenario)?;
        let asked = Asked {
            memory,
            pokes: "none".to_owned(),
            cpus,
            designs: designs.iter().map(|design| design.name().to_owned()).collect(),
            scenario: scenario.to_owned(),
            changes: changes.spelled(),
            scenarios: scenarios.len(),
            suite: format!("{:016x}", fnv1a(&format!("{scenarios:?}"))),
        };
        Ok(Self { asked, changes, designs, scenarios })
    }

    /// The question that a report answers.
    pub(super) fn of(asked: &Asked) -> Result<Self> {
        let design =
            |name: &String| names::design(name).with_context(|| format!("no design is called {name}"));
        let designs: Vec<Design> = asked.designs.iter().map(design).collect::<Result<_>>()?;
        Self::new(asked.memory, asked.cpus, &designs, &asked.scenario, Changes::read(&asked.changes)?)
    }

    /// The same on another machine.
    pub(super) fn on(&self, memory: Model) -> Result<Self> {
        let Asked { cpus, scenario, .. } = &self.asked;
        Self::new(memory, *cpus, &self.designs, scenario, self.changes)
    }

    pub(super) fn designs(&self) -> Vec<Design> {
        self.designs.clone()
    }

    pub(super) fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The name of the scenario of a run.
    pub(super) fn name_of(&self, record: &Record) -> &str {
        &self.scenarios[record.job.scenario].name
    }

    pub(super) const fn rules(&self) -> Rules {
        let memory = match self.asked.memory {
            Model::Weak => Memory::Weak,
            Model::NoLb => Memory::NoLoadBuffering,
            Model::Tso => Memory::Tso,
            Model::Sc => Memory::Sc,
        };
        Rules { memory, ..Rules::WEAK }
    }

    /// Whether every scenario runs that the excuses were judged against, on the
    /// machine that they were judged on: only then does it mean anything that
    /// nothing breaks.
    pub(super) fn is_whole(&self) -> bool {
        let Asked { memory, cpus, scenario, .. } = &self.asked;
        scenario.is_empty() && *cpus == 2 && *memory == Model::Weak
    }

    /// Whether the runs of a changed engine end with the first that breaks.
    pub(super) fn ends_with_the_first(&self) -> bool {
        self.changes != Changes::All
    }

    /// The runs with something changed, to be made after these.
    pub(super) fn changed(&self, unchanged: &[Record]) -> Vec<Group> {
        match self.changes {
            Changes::One((site, change)) => matrix::changed(unchanged, &[site], &[change]),
            Changes::All => {
                let mut groups =
                    matrix::each_for_itself(matrix::changed(unchanged, &Site::ALL, matrix::ALL_CHANGES));
                groups.extend(self.pairs(unchanged, matrix::ALL_CHANGES));
                groups
            }
            Changes::Deletions => {
                let mut groups = matrix::changed(unchanged, &Site::ALL, matrix::DELETED);
                groups.extend(self.pairs(unchanged, matrix::DELETED));
                groups
            }
        }
    }

    /// The engines that must break for the excuses to stand.
    fn pairs(&self, unchanged: &[Record], changes: &[Change]) -> Vec<Group> {
        let mut pairs = Vec::new();
        for &design in &self.designs {
            for (site, &change) in
                Site::ALL.into_iter().flat_map(|site| changes.iter().map(move |c| (site, c)))
            {
                let excuse = excuse::excuse(design, site, change);
                if let Some(pair) = excuse.and_then(|excuse| excuse.pair(site)) {
                    pairs.push(matrix::against(unchanged, design, &pair));
                }
            }
        }
        pairs.dedup();
        pairs
    }
}

impl Changes {
    fn spelled(self) -> String {
        match self {
            Self::Deletions => "deletions".to_owned(),
            Self::All => "all".to_owned(),
            Self::One(change) => names::spelled(change),
        }
    }

    fn read(text: &str) -> Result<Self> {
        match text {
            "deletions" => Ok(Self::Deletions),
            "all" => Ok(Self::All),
            one => names::change(one).map(Self::One).map_err(anyhow::Error::msg),
        }
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
