//! The kill matrix of the protocols: each step left out or weakened, against every scenario
//! until one breaks.

use std::sync::atomic::Ordering::Relaxed;

use bonfire_code_core::Kind;

use super::scenario::{Scenario, explore};
use super::steps::{Change, Mutant, PLANTS, Site, take_passed};
use crate::explorer::{Flaw, Rules, Verdict};

/// What came of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A scenario breaks: which, and how.
    Broken(&'static str, Flaw),
    /// None does.
    Lives,
    /// That could not be found out: a scenario would have taken more memory.
    CouldNotFinish(&'static str),
}

/// A program that was judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The program.
    pub mutant: Mutant,
    /// What came of it.
    pub fate: Fate,
    /// Of a program that lives: scenarios that did not show what they are to show.
    pub vacuous: Vec<&'static str>,
    /// The sites that it passed.
    pub passed: Vec<Site>,
    /// How many states were looked at.
    pub states: u64,
}

/// The program that ships, those with one change, and those with one planted fault.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let changes =
        Site::ALL.into_iter().flat_map(|site| of(site).iter().map(move |&c| Mutant::Changed(site, c)));
    let planted = PLANTS.iter().map(|&(plant, _)| Mutant::Planted(plant));
    std::iter::once(Mutant::None).chain(changes).chain(planted).collect()
}

fn of(site: Site) -> &'static [Change] {
    match site.kind() {
        Kind::Maintenance | Kind::Serialisation => &[Change::Left],
        Kind::SyncCore => &[Change::Left, Change::FenceOnly, Change::Own],
        Kind::Access(Relaxed) => &[],
        Kind::Access(_) if site == Site::Announce => &[Change::Left, Change::Relaxed],
        Kind::Access(_) => &[Change::Relaxed],
    }
}

/// Changes that break nothing here, and why. The list is closed, and an entry for a change that
/// does break something is as wrong as a survivor without one.
pub const EXCUSES: &[(Site, Change, &str)] = &[
    (
        Site::Maintain,
        Change::Left,
        "the explorer's instruction fetch reads memory; that caches have to be maintained, and how, rests on the \
         manuals that `crates/bonfire-code/src/arch/` cites",
    ),
    (
        Site::Notice,
        Change::Relaxed,
        "whether the thread serialises depends on what was read, and no CPU serialises before it knows (a control \
         dependency and `ISB`: Arm ARM, B2.3). Rust's memory model does not know dependencies",
    ),
];

/// The excuse for a change.
#[must_use]
pub fn excuse(mutant: Mutant) -> Option<&'static str> {
    let found = EXCUSES.iter().find(|(site, change, _)| mutant == Mutant::Changed(*site, *change));
    found.map(|(.., why)| *why)
}

/// Judges a program, by `scenarios` in their order.
#[must_use]
pub fn judge(scenarios: &[Scenario], mutant: Mutant, limit_bytes: usize) -> Judged {
    take_passed();
    let (mut states, mut vacuous) = (0, Vec::new());
    let mut fate = Fate::Lives;
    for scenario in scenarios {
        let (exploration, unseen) = explore(scenario, mutant, Rules::WEAK, limit_bytes);
        states += exploration.states;
        match exploration.verdict {
            Verdict::Holds if unseen.is_empty() => continue,
            Verdict::Holds => {
                vacuous.push(scenario.name);
                continue;
            }
            Verdict::Flawed(flaw, _) => fate = Fate::Broken(scenario.name, flaw),
            Verdict::CouldNotFinish => fate = Fate::CouldNotFinish(scenario.name),
        }
        break;
    }
    Judged { mutant, fate, vacuous, passed: take_passed(), states }
}
