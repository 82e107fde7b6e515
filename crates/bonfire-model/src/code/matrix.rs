//! The kill matrix of the protocols: each step left out or weakened, against every scenario
//! until one breaks.

use std::sync::atomic::Ordering::Relaxed;

use bonfire_code_core::Kind;

use super::scenario::{Scenario, explore};
use super::steps::{Change, Mutant, PLANTS, Site, take_passed};
use crate::explorer::Rules;
use crate::proof;
pub use crate::proof::Fate;

/// A program that was judged.
pub type Judged = proof::Judged<Mutant, Site>;

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
    let explorations = scenarios.iter().map(|scenario| {
        let (exploration, unseen) = explore(scenario, mutant, Rules::WEAK, limit_bytes);
        (scenario.name, exploration, unseen.is_empty())
    });
    let judged = Judged::by(mutant, explorations);
    Judged { passed: take_passed(), ..judged }
}
