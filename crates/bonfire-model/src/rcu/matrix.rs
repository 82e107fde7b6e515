//! The kill matrix of the algorithms: each order, fence and wake-up, weakened or left out,
//! against every scenario until one breaks.
//!
//! A change that breaks nothing must be excused, by a closed list; an excuse of one that
//! does break something is as wrong as a survivor without one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bonfire_rcu_core::Kind;

use super::excuse::{EXCUSES, Excuse};
use super::machine::{Change, Mutant, Site, take_passed};
use super::plant::PLANTS;
use super::scenario::{Scenario, explore};
use crate::explorer::Rules;
use crate::proof;
pub use crate::proof::Fate;

/// A program that was judged.
pub type Judged = proof::Judged<Mutant, Site>;

/// Every change that can be made.
#[must_use]
pub fn changes() -> Vec<(Site, Change)> {
    let mut all: Vec<_> =
        Site::ALL.into_iter().flat_map(|site| of(site).iter().map(move |&c| (site, c))).collect();
    all.push((Site::Awaken, Change::Asleep));
    all
}

fn of(site: Site) -> &'static [Change] {
    use Change::{Left, Own, Relaxed};
    match site.kind() {
        Kind::Light | Kind::Full => &[Left],
        Kind::Heavy => &[Left, Own],
        Kind::Access(Ordering::Relaxed) => &[],
        Kind::Access(_) => &[Relaxed],
    }
}

/// How programs are judged.
#[derive(Clone, Copy, Debug)]
pub struct Court<'a> {
    /// The scenarios, in the order in which they are tried.
    pub scenarios: &'a [Scenario],
    /// The machine.
    pub rules: Rules,
    /// How many programs at a time.
    pub threads: usize,
    /// How much memory each of them may take.
    pub limit_bytes: usize,
}

/// The program that ships, those with one change, those with one planted fault, and those
/// with the two changes by which an excuse is checked.
#[must_use]
pub fn mutants() -> Vec<Mutant> {
    let changed = changes().into_iter().map(|(site, change)| Mutant::Changed(site, change));
    let planted = PLANTS.iter().map(|&(plant, _)| Mutant::Planted(plant));
    let pairs = EXCUSES.iter().filter_map(|(site, excuse)| match excuse {
        Excuse::Redundant(other, _) => Some(Mutant::Both(*site, *other)),
        _ => None,
    });
    std::iter::once(Mutant::None).chain(changed).chain(planted).chain(pairs).collect()
}

impl Court<'_> {
    /// Judges these programs; in their order.
    #[must_use]
    pub fn judge(&self, mutants: &[Mutant]) -> Vec<Judged> {
        let next = AtomicUsize::new(0);
        let judged = Mutex::new(Vec::new());
        let work = || {
            while let Some(&mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                let one = self.judge_one(mutant);
                judged.lock().expect("no judge panics").push(one);
            }
        };
        std::thread::scope(|scope| {
            (0..self.threads.max(1)).for_each(|_| _ = scope.spawn(work));
        });
        let mut judged = judged.into_inner().expect("no judge panics");
        judged.sort_by_key(|one: &Judged| mutants.iter().position(|mutant| *mutant == one.mutant));
        judged
    }

    fn judge_one(&self, mutant: Mutant) -> Judged {
        take_passed();
        let explorations = self.scenarios.iter().map(|scenario| {
            let explored = explore(scenario, mutant, self.rules, self.limit_bytes);
            (scenario.name, explored.exploration, explored.unseen.is_empty())
        });
        let judged = Judged::by(mutant, explorations);
        Judged { passed: take_passed(), ..judged }
    }
}
