//! A way to a flaw, for people: a short one, in words and as a picture.

use bonfire_model::diagram;
use bonfire_model::explorer::{Plan, Trace};
use bonfire_model::matrix::Record;
use bonfire_model::run::run;

use super::names::told;
use super::results::Results;
use super::text::found;

/// A way to a flaw.
pub(super) struct Counterexample {
    title: String,
    trace: Trace,
}

/// A shortest way to the flaw of an engine that must have none; of several flaws, to
/// the one with the shortest way so far. It is looked for again, breadth first, unless
/// that takes more memory than allowed.
pub(super) fn of(results: &Results, memory_mib: u64) -> Option<Counterexample> {
    let record = results.answer.flaw()?;
    let scenario = &results.answer.question.scenarios[record.job.scenario];
    let limit = usize::try_from(memory_mib << 20).unwrap_or(usize::MAX);
    let again = run(record.job.design, scenario, &record.job.mutant, record.job.rules, Plan::shortest(limit));
    let shortest = again.flaw().map(|(_, trace)| trace.clone());
    let trace = shortest.or_else(|| record.trace.as_deref().cloned())?;
    Some(Counterexample { title: title(results, record), trace })
}

fn title(results: &Results, record: &Record) -> String {
    let engine = format!("{} {}", record.job.design.name(), told(&record.job.mutant));
    format!("{engine}: {} {}", results.answer.question.name_of(record), found(&results.answer, record))
}

impl Counterexample {
    pub(super) fn text(&self) -> String {
        format!("\n{}\n\n{}", self.title, diagram::text(&self.trace, 24))
    }

    pub(super) fn svg(&self) -> String {
        diagram::svg(&self.trace, &self.title)
    }
}
