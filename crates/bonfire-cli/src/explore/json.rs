//! The report for machines. `docs/explore.md` describes it and
//! `docs/explore.schema.json` defines it; a test holds the one to the other.
//!
//! All that differs between two runs of one build stands under `measured`.

use anyhow::{Context, Result, ensure};
use bonfire_engine::Site;
use bonfire_model::answer::Judged;
use bonfire_model::architecture::Architecture;
use bonfire_model::excuse::{Excuse, Judgement};
use bonfire_model::explorer::Flaw;
use bonfire_model::matrix::{self, Job, Record};
use bonfire_model::mutate::interpose::Points;
use bonfire_model::question::Question;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::names;
use super::question::Asked;
use super::results::{Measured, Results};
use crate::shard::Shard;

const SCHEMA: &str = "bonfire-explore";
/// Raised when a field changes its meaning or goes; a new field does not raise it.
const VERSION: u32 = 1;
const BONFIRE: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    /// Of the program, and of the engine in it: they have one.
    bonfire: &'static str,
    question: &'a Asked,
    shard: Option<Shard>,
    verdict: &'static str,
    exit_status: u8,
    counts: Counts,
    judgements: Vec<Judgment<'a>>,
    runs: Vec<Run>,
    measured: &'a Measured,
}

/// What a merge takes from a report.
#[derive(Deserialize)]
pub(super) struct Report {
    pub(super) question: Asked,
    pub(super) shard: Option<Shard>,
    pub(super) runs: Vec<Run>,
    pub(super) measured: Measured,
}

#[derive(Serialize)]
struct Counts {
    unchanged: usize,
    changed: usize,
    states: u64,
}

/// A run.
#[derive(Serialize, Deserialize)]
pub(super) struct Run {
    design: String,
    scenario: String,
    /// As `--mutant` takes them.
    changes: Vec<String>,
    found: Found,
    states: u64,
    /// The sites that were passed.
    passed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
enum Found {
    Holds,
    Vacuous,
    Forbidden {
        outcome: Vec<u64>,
    },
    Hang,
    /// More interrupts than may be, a barrier where none may be, or a thread that
    /// could have been moved.
    Disturbs {
        by: String,
    },
    CouldNotFinish,
}

#[derive(Serialize)]
struct Judgment<'a> {
    design: &'a str,
    change: String,
    judgement: &'static str,
    /// Null where nothing is excused.
    excuse: Option<Excused>,
    /// The scenarios that break; only the first, unless all were tried.
    broken: Vec<&'a str>,
    tried: usize,
    unfinished: usize,
}

#[derive(Serialize)]
struct Excused {
    kind: &'static str,
    /// The site that does the same.
    with: Option<&'static str>,
    why: &'static str,
}

/// The report as one JSON object and a newline.
pub(super) fn report(results: &Results) -> Result<String> {
    let answer = &results.answer;
    let verdict = answer.verdict;
    let records = answer.unchanged.iter().chain(&answer.changed);
    let document = Document {
        schema: SCHEMA,
        version: VERSION,
        bonfire: BONFIRE,
        question: &results.asked,
        shard: results.shard,
        verdict: verdict.name(),
        exit_status: verdict.status(),
        counts: Counts {
            unchanged: answer.unchanged.len(),
            changed: answer.changed.len(),
            states: answer.states(),
        },
        judgements: answer.judged.iter().map(|judged| judgement(results, judged)).collect(),
        runs: records.map(|record| Run::of(&answer.question, record)).collect(),
        measured: &results.measured,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Reads a report that this build can go on with.
pub(super) fn read(text: &str) -> Result<Report> {
    let document: Value = serde_json::from_str(text).context("it is not JSON")?;
    ensure!(document["schema"] == SCHEMA, "it was not written by `bonfire explore --json`");
    ensure!(
        document["version"] == VERSION,
        "its version is {}, and this bonfire reads {VERSION}; make it with this bonfire",
        document["version"]
    );
    ensure!(
        document["bonfire"] == BONFIRE,
        "it was written by bonfire {}, and this is {BONFIRE:?}; make it with this bonfire",
        document["bonfire"]
    );
    serde_json::from_value(document).context("it is damaged; make it again")
}

impl Run {
    fn of(question: &Question, record: &Record) -> Self {
        Self {
            design: record.job.design.name().to_owned(),
            scenario: question.name_of(record).to_owned(),
            changes: record.job.mutant.iter().map(|&change| names::spelled(change)).collect(),
            found: Found::of(&record.found),
            states: record.states,
            passed: record.passed.iter().map(|site| site.name().to_owned()).collect(),
        }
    }

    /// The run as one of `question`.
    pub(super) fn record(self, question: &Question) -> Result<Record> {
        let change = |text: &String| names::change(text).map_err(anyhow::Error::msg);
        let site =
            |name: &String| Site::ALL.into_iter().find(|site| site.name() == name).context("no such site");
        let scenario = question.scenarios.iter().position(|scenario| scenario.name == self.scenario);
        let job = Job {
            design: names::design(&self.design).context("no such design")?,
            scenario: scenario.context("no such scenario")?,
            mutant: self.changes.iter().map(change).collect::<Result<_>>()?,
            slip: None,
            rules: question.rules,
            architecture: Architecture::Bare,
        };
        let passed = self.passed.iter().map(site).collect::<Result<_>>()?;
        let (points, fingerprint) = (Points::new(), 0);
        Ok(Record {
            job,
            found: self.found.found(),
            trace: None,
            passed,
            points,
            fingerprint,
            crossed: false,
            states: self.states,
        })
    }
}

impl Found {
    fn of(found: &matrix::Found) -> Self {
        match found {
            matrix::Found::Holds => Self::Holds,
            matrix::Found::Vacuous => Self::Vacuous,
            matrix::Found::Flawed(Flaw::Forbidden(outcome)) => Self::Forbidden { outcome: outcome.clone() },
            matrix::Found::Flawed(Flaw::Hang) => Self::Hang,
            matrix::Found::Flawed(flaw) => Self::Disturbs { by: names::disturbance(flaw).to_owned() },
            matrix::Found::CouldNotFinish => Self::CouldNotFinish,
        }
    }

    fn found(self) -> matrix::Found {
        match self {
            Self::Holds => matrix::Found::Holds,
            Self::Vacuous => matrix::Found::Vacuous,
            Self::Forbidden { outcome } => matrix::Found::Flawed(Flaw::Forbidden(outcome)),
            Self::Hang => matrix::Found::Flawed(Flaw::Hang),
            Self::Disturbs { by } => {
                let flaws = [Flaw::Poked, Flaw::PokedTwice, Flaw::Paid, Flaw::Unpinned];
                let found = flaws.into_iter().find(|flaw| names::disturbance(flaw) == by);
                matrix::Found::Flawed(found.unwrap_or(Flaw::Poked))
            }
            Self::CouldNotFinish => matrix::Found::CouldNotFinish,
        }
    }
}

fn judgement<'a>(results: &'a Results, judged: &Judged) -> Judgment<'a> {
    let (kind, excuse) = match judged.judgement {
        Judgement::Needed => ("needed", None),
        Judgement::Excused(excuse) => ("excused", Some(excuse)),
        Judgement::Unexplained if results.answer.is_judged() => ("unexplained", None),
        Judgement::Unexplained => ("not judged", None),
        Judgement::Outdated(excuse) => ("outdated", Some(excuse)),
        Judgement::Unfinished => ("unfinished", None),
    };
    let scenarios = &results.answer.question.scenarios;
    Judgment {
        design: judged.design.name(),
        change: names::spelled((judged.site, judged.change)),
        judgement: kind,
        excuse: excuse.map(excused),
        broken: judged.cell.killed_by.iter().map(|&place| scenarios[place].name.as_str()).collect(),
        tried: judged.cell.tried,
        unfinished: judged.cell.unfinished,
    }
}

fn excused(excuse: Excuse) -> Excused {
    let (kind, with) = match excuse {
        Excuse::NotNeeded(_) => ("not needed", None),
        Excuse::Redundant(other, _) => ("redundant", Some(other.name())),
        Excuse::OneOrderOfWrites(_) => ("one order of writes", None),
    };
    Excused { kind, with, why: excuse.why() }
}
