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
use crate::explorer::{Flaw, Rules, Verdict};

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
        let mut judged =
            Judged { mutant, fate: Fate::Lives, vacuous: Vec::new(), passed: Vec::new(), states: 0 };
        take_passed();
        for scenario in self.scenarios {
            let explored = explore(scenario, mutant, self.rules, self.limit_bytes);
            judged.states += explored.exploration.states;
            match explored.exploration.verdict {
                Verdict::Holds if explored.unseen.is_empty() => continue,
                Verdict::Holds => {
                    judged.vacuous.push(scenario.name);
                    continue;
                }
                Verdict::Flawed(flaw, _) => judged.fate = Fate::Broken(scenario.name, flaw),
                Verdict::CouldNotFinish => judged.fate = Fate::CouldNotFinish(scenario.name),
            }
            break;
        }
        judged.passed = take_passed();
        judged
    }
}
