//! The report for machines, and how those of shards are put together. All that
//! differs between two runs of one build stands under `measured`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use bonfire_scale::Outcome;
use serde::{Deserialize, Serialize};

use super::growth::{self, Growth};
use super::plan::Part;
use crate::shard::Shard;

const SCHEMA: &str = "bonfire-scale";
/// Raised when a field changes its meaning or goes; a new field does not raise it.
const VERSION: u32 = 1;

/// What came of a plan, or of a shard of it.
#[derive(Serialize, Deserialize)]
pub(super) struct Results {
    /// How many runs the whole plan has, and a number that tells plans apart.
    pub(super) planned: usize,
    pub(super) plan: String,
    pub(super) shard: Option<Shard>,
    pub(super) runs: Vec<Ran>,
    pub(super) measured: Measured,
}

/// What came of a run.
#[derive(Serialize, Deserialize)]
pub(super) struct Ran {
    /// Its place in the plan.
    pub(super) place: usize,
    pub(super) part: Part,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// What it took on the host.
#[derive(Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) steps: u64,
}

#[derive(Serialize, Deserialize)]
struct Document<R> {
    schema: String,
    version: u32,
    bonfire: String,
    #[serde(flatten)]
    results: R,
    /// Computed of the runs: not read again.
    #[serde(default, skip_deserializing)]
    growth: Vec<Growth>,
}

/// The report as JSON.
pub(super) fn report(results: &Results) -> Result<String> {
    let bonfire = env!("CARGO_PKG_VERSION").to_owned();
    let growth = growth::growths(results);
    let document = Document { schema: SCHEMA.to_owned(), version: VERSION, bonfire, results, growth };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Puts the reports of all shards of one plan together.
pub(super) fn merge(files: &[PathBuf]) -> Result<Results> {
    let mut parts = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    let Some(mut whole) = parts.pop() else { bail!("--merge needs the reports of all shards") };
    for part in parts {
        ensure!(
            part.planned == whole.planned
                && part.shard.map(|shard| shard.of) == whole.shard.map(|shard| shard.of),
            "the reports are not shards of one plan; make all with the same options"
        );
        whole.runs.extend(part.runs);
        whole.measured.seconds += part.measured.seconds;
        whole.measured.steps += part.measured.steps;
        whole.measured.peak_memory_bytes =
            whole.measured.peak_memory_bytes.max(part.measured.peak_memory_bytes);
    }
    whole.runs.sort_by_key(|run| run.place);
    let places = whole.runs.iter().map(|run| run.place);
    ensure!(
        places.eq(0..whole.planned),
        "the shards hold {} runs, and the plan has {}; name the report of each shard once",
        whole.runs.len(),
        whole.planned
    );
    whole.shard = None;
    Ok(whole)
}

fn read(file: &Path) -> Result<Results> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let unreadable = || format!("{} is no report that this bonfire can merge", file.display());
    let document: Document<Results> = serde_json::from_str(&text).with_context(unreadable)?;
    ensure!(document.schema == SCHEMA && document.version == VERSION, unreadable());
    ensure!(
        document.results.shard.is_some(),
        "{} is the report of a whole run: there is nothing to merge",
        file.display()
    );
    Ok(document.results)
}
