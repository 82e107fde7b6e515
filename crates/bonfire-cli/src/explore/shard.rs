//! Shards: parts of an exploration that are run anywhere, and put together.
//!
//! A run belongs to a shard by its design and its scenario and by nothing else:
//! `1 + hash % N`, the hash being FNV-1a (64 bits) of `design/scenario`. The
//! engine as it ships and every changed one run in the same shard then, so that
//! no shard needs to know what another found, and neither the number of threads
//! nor what else is asked moves a run from one to another.
//!
//! An exploration tries a change on one scenario after the other until one
//! breaks; a shard does so among its own. Of all runs on one change, those up to
//! the first that breaks are in some shard each, since nothing before them broke
//! there either; the others are left out when shards are put together. So the
//! merged report is the report of the whole.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use bonfire_model::answer::Answer;
use bonfire_model::matrix::Job;
use bonfire_model::question::Question;

use super::json::{self, Report};
use super::results::{Measured, Results};
use crate::shard::Shard;

/// Whether a run belongs to a shard.
pub(super) fn has(shard: Shard, question: &Question, job: &Job) -> bool {
    shard.has(&format!("{}/{}", job.design.name(), question.scenarios[job.scenario].name))
}

/// Puts the reports of all shards of one exploration together.
pub(super) fn merge(files: &[PathBuf]) -> Result<Results> {
    let reports: Vec<Part> = files.iter().map(|file| Part::read(file)).collect::<Result<_>>()?;
    let [first, others @ ..] = &reports[..] else { bail!("--merge needs the reports of all shards") };
    others.iter().try_for_each(|other| first.agrees_with(other))?;
    let (asked, question) = first.report.question.on(first.report.question.memory)?;
    ensure!(
        asked == first.report.question,
        "{} is of another set of scenarios than this bonfire has; make and merge shards with one build",
        first.file.display()
    );
    all_are_there(&reports)?;
    let mut measured = Measured::default();
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    for Part { file, report, .. } in reports {
        measured.add(&report.measured);
        for run in report.runs {
            let record = run.record(&question).with_context(|| unreadable(&file))?;
            if record.job.mutant.is_empty() { &mut unchanged } else { &mut changed }.push(record);
        }
    }
    let planned = question.unchanged().len();
    ensure!(
        unchanged.len() == planned,
        "the shards hold {} runs of the engine as it ships, and there should be {planned}; make them again",
        unchanged.len()
    );
    let answer = Answer::new(question, true, unchanged, changed);
    Ok(Results { asked, answer, shard: None, measured })
}

/// The report of a shard.
struct Part {
    file: PathBuf,
    shard: Shard,
    report: Report,
}

impl Part {
    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let report = json::read(&text).with_context(|| unreadable(file))?;
        let Some(shard) = report.shard else {
            bail!(
                "{} is the report of a whole exploration, not of a shard: there is nothing to merge",
                file.display()
            );
        };
        Ok(Self { file: file.to_owned(), shard, report })
    }

    fn agrees_with(&self, other: &Self) -> Result<()> {
        let (mine, others) = (self.file.display(), other.file.display());
        ensure!(
            self.shard.of == other.shard.of,
            "{mine} is a shard of {}, {others} of {}; merge shards of one partition",
            self.shard.of,
            other.shard.of
        );
        ensure!(
            self.report.question == other.report.question,
            "{mine} and {others} were made with different options; make all shards with the same:\n{}\n{}",
            serde_json::to_string(&self.report.question)?,
            serde_json::to_string(&other.report.question)?
        );
        Ok(())
    }
}

fn unreadable(file: &Path) -> String {
    format!("{} is no report that this bonfire can merge", file.display())
}

/// Each shard once.
fn all_are_there(parts: &[Part]) -> Result<()> {
    let of = parts[0].shard.of;
    for (place, part) in parts.iter().enumerate() {
        if let Some(same) = parts[..place].iter().find(|same| same.shard == part.shard) {
            let (same, part, number) = (same.file.display(), part.file.display(), part.shard.number);
            bail!("{same} and {part} are both shard {number}/{of}; name each shard once");
        }
    }
    let missing: Vec<String> = (1..=of)
        .filter(|number| parts.iter().all(|part| part.shard.number != *number))
        .map(|number| format!("{number}/{of}"))
        .take(10)
        .collect();
    ensure!(
        missing.is_empty(),
        "missing: {}; run `bonfire explore --shard {}` with the same options, and --json",
        missing.join(", "),
        missing[0]
    );
    Ok(())
}
