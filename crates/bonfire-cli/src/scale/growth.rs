//! How calls grow with the CPUs: for each machine, workload and design of which
//! there are runs with three numbers of CPUs or more, the exponent of a power law.

use bonfire_scale::{Design, Outcome};
use serde::Serialize;

use super::fit;
use super::json::Results;
use super::plan::Part;

/// An exponent, and of what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Growth {
    pub(super) machine: String,
    pub(super) workload: String,
    pub(super) design: Design,
    /// The median call grows with this power of the CPUs.
    pub(super) exponent: f64,
    /// Half the width of the 95 % interval.
    pub(super) within: f64,
}

impl Growth {
    /// As it is shown.
    pub(super) fn exponent(&self) -> String {
        format!("{:.2} ± {:.2}", self.exponent, self.within)
    }
}

/// All that the runs can tell, by machine, workload and design.
pub(super) fn growths(results: &Results) -> Vec<Growth> {
    let runs = results.runs.iter().filter(|run| matches!(run.part, Part::Designs | Part::Cpus));
    let outcomes = runs.map(|run| &run.outcome).collect::<Vec<_>>();
    let key = |outcome: &Outcome| (outcome.machine.clone(), outcome.workload.clone(), outcome.design);
    let mut keys = outcomes.iter().map(|outcome| key(outcome)).collect::<Vec<_>>();
    keys.sort();
    keys.dedup();
    let growth = |(machine, workload, design): (String, String, Design)| {
        let ours = outcomes.iter().filter(|outcome| {
            outcome.machine == machine && outcome.workload == workload && outcome.design == design
        });
        let points = ours.filter_map(|outcome| Some((outcome.cpus as f64, outcome.latency_ns?.median)));
        let fit::Exponent { value, within } = fit::exponent(&points.collect::<Vec<_>>())?;
        Some(Growth { machine, workload, design, exponent: value, within })
    };
    keys.into_iter().filter_map(growth).collect()
}
