//! Which barriers suffice: sets that nothing can be taken from.
//!
//! The matrix takes out one barrier at a time, and two that do each other's work
//! both survive. Here sites are taken out for good, one after the other, as long
//! as everything holds. What is left suffices, and each of it is needed. There
//! can be other such sets; this is the one that the order of [`Site::ALL`] gives.

use std::collections::BTreeSet;

use bonfire_engine::Site;

use crate::architecture::Architecture;
use crate::explorer::Rules;
use crate::machine::{Change, Mutant};
use crate::matrix::{self, Found, Job, Runner};
use crate::run::Design;

/// A set of sites that suffices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minimal {
    /// Each of them is needed if the others below may be nothing.
    pub needed: BTreeSet<Site>,
    /// All of them may be nothing at once.
    pub spare: BTreeSet<Site>,
    /// Neither could be told: some scenario could not finish.
    pub unfinished: BTreeSet<Site>,
}

/// Finds a set of sites that suffices for `design` on `architecture`, in all
/// scenarios of `runner`.
#[must_use]
pub fn minimal(runner: &Runner<'_>, design: Design, architecture: Architecture) -> Minimal {
    let rules = Rules { memory: architecture.memory(), ..Rules::WEAK };
    let mut whole = matrix::unchanged(runner.scenarios, &[design], rules);
    whole.retain(|group| group.iter().all(|job| architecture.can_have(runner.scenarios[job.scenario].needs)));
    whole.iter_mut().flatten().for_each(|job| job.architecture = architecture);
    let whole = runner.run(&whole);
    let mut minimal = Minimal::default();
    let mut spare = Mutant::new();
    for site in Site::ALL {
        let mut without = spare.clone();
        without.push((site, Change::Deleted));
        let about = whole.iter().filter(|record| record.passed.contains(&site));
        let jobs: Vec<Vec<Job>> =
            about.map(|record| vec![Job { mutant: without.clone(), ..record.job.clone() }]).collect();
        if jobs.is_empty() {
            continue;
        }
        match verdict(runner, &jobs) {
            Found::Holds => {
                minimal.spare.insert(site);
                spare = without;
            }
            Found::CouldNotFinish => {
                minimal.unfinished.insert(site);
            }
            _ => {
                minimal.needed.insert(site);
            }
        }
    }
    minimal
}

/// The worst that these runs come to; the first flaw will do.
fn verdict(runner: &Runner<'_>, jobs: &[Vec<Job>]) -> Found {
    let mut worst = Found::Holds;
    // A few at a time, so that a flaw ends it soon.
    for some in jobs.chunks(64) {
        for record in runner.run(some) {
            match record.found {
                Found::Flawed(_) => return record.found,
                Found::CouldNotFinish => worst = Found::CouldNotFinish,
                Found::Holds | Found::Vacuous => {}
            }
        }
    }
    worst
}
