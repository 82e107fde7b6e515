//! The report for machines. `docs/report.md` describes it and
//! `docs/report.schema.json` defines it; a test holds the one to the other.
//!
//! All that differs between two runs on one kernel (counts of rounds, times,
//! confidences, a seed that was drawn) stands under keys named `measured`, so
//! that the rest can be compared as it is.

use std::collections::BTreeMap;

use anyhow::Result;
use bonfire_conformance::{Abilities, Case, Evidence, Outcome, Reason, Rounds, Verdict};
use serde::Serialize;

use super::{Counted, Report};
use crate::environment::Environment;

/// Raised when a field changes its meaning or goes; a new field does not raise it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u32,
    bonfire: &'static str,
    subject: String,
    environment: &'a Environment,
    /// Only a seed that was given.
    seed: Option<u64>,
    verdict: &'static str,
    exit_status: u8,
    counts: Counts,
    cases: Vec<Entry>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    counted: &'a [Counted],
    not_run: Vec<String>,
    measured: Run,
}

#[derive(Serialize)]
struct Counts {
    conforms: u32,
    does_not_conform: u32,
    cannot_tell: u32,
    not_observable: u32,
}

#[derive(Serialize)]
struct Run {
    seed: u64,
    duration_ms: u64,
    /// What the machine can show, by name; null where no case needed to know.
    machine: Option<BTreeMap<&'static str, u64>>,
}

#[derive(Serialize)]
struct Entry {
    id: String,
    group: &'static str,
    rests_on: &'static str,
    verdict: &'static str,
    /// For machines; null where the case conforms.
    cause: Option<&'static str>,
    /// For people.
    reason: Option<String>,
    measured: Measured,
}

#[derive(Serialize)]
struct Measured {
    duration_ms: u64,
    answers: u64,
    /// The independent sessions in which a forbidden outcome was seen.
    sessions: u32,
    litmus: Option<Litmus>,
}

#[derive(Serialize)]
struct Litmus {
    rounds: u64,
    forbidden: u64,
    twin_rounds: u64,
    twin_forbidden: u64,
    confidence: f64,
}

/// The report as one JSON object and a newline.
pub(crate) fn report(report: &Report) -> Result<String> {
    let count = |verdict| report.summary.count(verdict);
    let document = Document {
        schema: "bonfire-check",
        version: VERSION,
        bonfire: env!("CARGO_PKG_VERSION"),
        subject: report.subject.clone(),
        environment: &report.environment,
        seed: report.seed_given.then_some(report.seed),
        verdict: report.summary.verdict().name(),
        exit_status: report.status(),
        counts: Counts {
            conforms: count(Verdict::Conforms),
            does_not_conform: count(Verdict::DoesNotConform),
            cannot_tell: count(Verdict::CannotTell),
            not_observable: count(Verdict::NotObservable),
        },
        cases: report.outcomes.iter().map(|(case, outcome)| entry(case, outcome)).collect(),
        counted: &report.counted,
        not_run: report.not_run.iter().map(Case::to_string).collect(),
        measured: Run {
            seed: report.seed,
            duration_ms: report.duration.as_millis() as u64,
            machine: report.machine.as_ref().map(machine),
        },
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn machine(abilities: &Abilities) -> BTreeMap<&'static str, u64> {
    Abilities::NAMES.into_iter().zip(abilities.words()).collect()
}

fn entry(case: &Case, outcome: &Outcome) -> Entry {
    Entry {
        id: case.to_string(),
        group: case.group().name(),
        rests_on: case.citation(),
        verdict: outcome.verdict.name(),
        cause: outcome.reason.as_ref().map(Reason::name),
        reason: outcome.reason.map(|reason| reason.to_string()),
        measured: measured(&outcome.evidence, outcome.duration_ns),
    }
}

fn measured(evidence: &Evidence, duration_ns: u64) -> Measured {
    Measured {
        duration_ms: duration_ns / 1_000_000,
        answers: evidence.calls,
        sessions: evidence.sessions,
        litmus: evidence.rounds.as_ref().map(litmus),
    }
}

fn litmus(rounds: &Rounds) -> Litmus {
    Litmus {
        rounds: rounds.rounds,
        forbidden: rounds.forbidden,
        twin_rounds: rounds.twin_rounds,
        twin_forbidden: rounds.twin_forbidden,
        confidence: rounds.confidence(),
    }
}
