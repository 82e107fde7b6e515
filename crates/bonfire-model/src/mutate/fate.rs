//! What became of each slip, and what is to be thought of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::excuse::{Excuse, excuse};
use super::slip::{Slip, Wrong};
use crate::matrix::{Found, Record};
use crate::run::Design;

/// What became of a slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A scenario breaks, by its place.
    Killed(usize, Found),
    /// Nothing breaks.
    Survived,
    /// Nothing breaks, and not everything came to an end.
    Unfinished,
}

/// A slip in a design, and what became of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The design.
    pub design: Design,
    /// The slip.
    pub slip: Arc<Slip>,
    /// What it is called.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// In how many scenarios it was tried.
    pub runs: usize,
    /// How many states were looked at in them.
    pub states: u64,
}

/// Sums up the runs of slips, each by the name that it is `called`. One after which
/// the engine does the same in every scenario is no change of it, and left out.
#[must_use]
pub fn tried(unchanged: &[Record], records: &[Record], called: impl Fn(&Slip) -> String) -> Vec<Tried> {
    // What runs did on different machines is not compared.
    let run = |one: &Record| (one.job.design, one.job.scenario, one.job.rules);
    let as_it_ships: HashMap<_, u64> = unchanged.iter().map(|one| (run(one), one.fingerprint)).collect();
    let differs = |record: &&Record| {
        let known = as_it_ships.get(&run(record));
        // What waits for something that does not come is done as it would have been.
        let is_done = match record.job.slip.as_ref().map(|slip| slip.wrong) {
            Some(Wrong::Late | Wrong::BehindAccess) => record.crossed,
            _ => true,
        };
        record.breaks() || is_done && known.is_some_and(|&known| known != record.fingerprint)
    };
    let mut by_slip: BTreeMap<(Design, Arc<Slip>), Vec<&Record>> = BTreeMap::new();
    for record in records {
        if let Some(slip) = &record.job.slip {
            by_slip.entry((record.job.design, Arc::clone(slip))).or_default().push(record);
        }
    }
    let made_a_difference = by_slip.into_iter().filter(|(_, records)| records.iter().any(differs));
    let sum_up = |((design, slip), records): ((Design, Arc<Slip>), Vec<&Record>)| {
        let killer = records.iter().find(|record| record.breaks());
        let fate = match killer {
            Some(record) => Fate::Killed(record.job.scenario, record.found.clone()),
            None if records.iter().any(|record| record.found == Found::CouldNotFinish) => Fate::Unfinished,
            None => Fate::Survived,
        };
        let states = records.iter().map(|record| record.states).sum();
        Tried { design, name: called(&slip), slip, fate, runs: records.len(), states }
    };
    made_a_difference.map(sum_up).collect()
}

/// What is to be thought of a slip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Some scenario breaks.
    Killed,
    /// Nothing breaks, and that is excused.
    Excused(Excuse),
    /// Nothing breaks, and nobody knows why: a failure.
    Survives,
    /// Something breaks, and there is an excuse for why nothing would: a failure.
    Outdated(Excuse),
    /// Not every scenario came to an end.
    Unfinished,
}

/// What is to be thought of a slip of this name in a design.
#[must_use]
pub fn judge(design: Design, name: &str, fate: &Fate) -> Judgement {
    match (fate, excuse(design, name)) {
        (Fate::Killed(..), None) => Judgement::Killed,
        (Fate::Killed(..), Some(excuse)) => Judgement::Outdated(excuse),
        (Fate::Survived, Some(excuse)) => Judgement::Excused(excuse),
        (Fate::Survived, None) => Judgement::Survives,
        (Fate::Unfinished, _) => Judgement::Unfinished,
    }
}
