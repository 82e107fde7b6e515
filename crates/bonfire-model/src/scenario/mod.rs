//! Scenarios: what a few CPUs do, and what must not come of it.
//!
//! A scenario is data. Most are a *shape* (who reads and writes what, and which
//! outcome is forbidden) in a *situation* (what happens to the fast side's CPU
//! meanwhile); see [`shape`] and [`situation`]. The others stand in rooms by
//! what they are about, those of two CPUs and those of more.

mod core_sync;
mod draw;
mod grace;
mod hotplug;
mod images;
mod migration;
mod observers;
mod refusals;
mod registrations;
mod requests;
mod rseq;
pub mod shape;
pub mod situation;
mod switches;
mod untold;

use std::collections::BTreeSet;

use bonfire_abi::Command;
use bonfire_engine::Design;

use crate::explorer::{Outcome, Pokes};
pub use crate::vocabulary::Needs;
use crate::vocabulary::{Act, On, Var};

use shape::{Shape, Told};

/// The scenarios of two CPUs.
#[must_use]
pub fn two_cpus() -> Vec<Scenario> {
    let rooms = [
        switches::two_cpus(),
        requests::two_cpus(),
        hotplug::two_cpus(),
        registrations::two_cpus(),
        images::two_cpus(),
        core_sync::two_cpus(),
        rseq::two_cpus(),
        migration::two_cpus(),
        grace::two_cpus(),
        refusals::two_cpus(),
        untold::two_cpus(),
    ];
    rooms.into_iter().flatten().collect()
}

/// The scenarios of three and four CPUs: two callers and one target are what a
/// lost wake-up needs, a third observer is what cumulativity needs, and a third
/// CPU is where a thread migrates to.
#[must_use]
pub fn more_cpus() -> Vec<Scenario> {
    let rooms = [
        requests::more_cpus(),
        core_sync::more_cpus(),
        hotplug::more_cpus(),
        registrations::more_cpus(),
        migration::more_cpus(),
        observers::more_cpus(),
        rseq::more_cpus(),
    ];
    rooms.into_iter().flatten().collect()
}

/// What one CPU does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// What occupies the CPU in the beginning; `None` if it is offline.
    pub on: Option<On>,
    /// What it does.
    pub acts: Vec<Act>,
}

/// A scenario.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scenario {
    /// Its name: a situation, a shape, and a command.
    pub name: String,
    /// What it tells, as one would say it.
    pub about: String,
    /// What each CPU does.
    pub parts: Vec<Part>,
    /// Which address spaces have registered before it begins, and for what.
    pub registered: Vec<(usize, Command)>,
    /// How many registers it uses.
    pub registers: usize,
    /// The words of user memory whose last values it shows.
    pub shown: Vec<Var>,
    /// What must never be shown.
    pub forbidden: BTreeSet<Outcome>,
    /// What must be shown at least once, or the scenario shows nothing.
    pub expected: BTreeSet<Outcome>,
    /// Whether no CPU may be interrupted.
    pub is_quiet: bool,
    /// Whether no barrier of the engine may be passed.
    pub is_free: bool,
    /// The shape that is placed in it, if one is.
    pub shape: Option<Shape>,
    /// The machine that it needs.
    pub needs: Needs,
    /// The designs that it is about; none for all of them.
    pub designs: Vec<Design>,
}

impl Scenario {
    /// A scenario in which nothing is read: it must come to an end.
    #[must_use]
    pub fn bare(name: impl Into<String>, about: impl Into<String>, parts: Vec<Part>) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            parts,
            registered: vec![(0, Command::RegisterPrivateExpedited)],
            registers: 0,
            shown: Vec::new(),
            forbidden: BTreeSet::new(),
            expected: BTreeSet::from([Vec::new()]),
            is_quiet: false,
            is_free: false,
            shape: None,
            needs: Needs::Nothing,
            designs: Vec::new(),
        }
    }

    /// A scenario that shows what a shape shows.
    fn of_shape(name: &str, about: &str, shape: Shape, parts: Vec<Part>) -> Self {
        Self {
            registers: shape.registers(),
            shown: shape.shown(),
            forbidden: BTreeSet::from([shape.forbidden()]),
            expected: shape.expected(),
            shape: Some(shape),
            ..Self::bare(format!("{name}/{shape}"), format!("{about}; {}", shape.about()), parts)
        }
    }

    /// The same, where these have registered, and nobody else.
    fn registered(self, registered: &[(usize, Command)]) -> Self {
        Self { registered: registered.to_vec(), ..self }
    }

    /// What its name begins with: the situation, without what sets it apart.
    #[must_use]
    pub fn situation(&self) -> &str {
        self.name.split(['/', '+', ' ']).next().unwrap_or_default()
    }

    /// Whether it is of the few situations of two CPUs that have most states: a CPU that
    /// goes and comes back, one that registers while another comes or goes, and two
    /// that register at once.
    #[must_use]
    pub fn is_long(&self) -> bool {
        ["e4", "h5", "h5k", "h5o", "P4", "P5"].contains(&self.situation())
    }

    /// How many pokes may be on their way to a CPU. A second only where it may
    /// have served without taking the first: as it comes online, and in a wait
    /// with interrupts off.
    pub(crate) fn pokes(&self) -> Pokes {
        let serves_unasked =
            |act: &Act| matches!(act, Act::Online | Act::Offline | Act::CallClosed(_) | Act::Poll);
        let mut acts = self.parts.iter().flat_map(|part| &part.acts);
        match self.is_quiet {
            true => Pokes::None,
            false if acts.any(serves_unasked) => Pokes::Any,
            false => Pokes::OneAtATime,
        }
    }

    /// Whether the scenario says something about a design.
    #[must_use]
    pub fn is_about(&self, design: Design) -> bool {
        self.designs.is_empty() || self.designs.contains(&design)
    }

    /// The threads that the scenario has, with their address spaces when it
    /// begins; `None` for kernel threads that borrow one later.
    pub(crate) fn threads(&self) -> Vec<(usize, Option<usize>)> {
        let starts = self.parts.iter().filter_map(|part| part.on);
        let switches = self.parts.iter().flat_map(|part| &part.acts).filter_map(|act| match act {
            Act::Switch(on) | Act::Forget(on) => Some(*on),
            _ => None,
        });
        let listed = starts.chain(switches).filter_map(|on| match on {
            On::User { space, thread } => Some((thread, Some(space))),
            _ => None,
        });
        let borrowers = self.parts.iter().flat_map(|part| &part.acts).filter_map(|act| match act {
            Act::Borrow { thread, .. } => Some((*thread, None)),
            _ => None,
        });
        let mut threads: Vec<_> = listed.chain(borrowers).collect();
        threads.sort_by_key(|&(thread, space)| (thread, space.is_none()));
        threads.dedup();
        threads
    }
}

/// What a CPU is occupied by, and what it does.
fn part(on: impl Into<Option<On>>, acts: &[Act]) -> Part {
    Part { on: on.into(), acts: acts.to_vec() }
}

/// Every outcome of so many numbers, each one of `values`.
fn outcomes(values: &[u64], count: usize) -> BTreeSet<Outcome> {
    (0..count).fold(BTreeSet::from([Vec::new()]), |shorter, _| {
        let longer = shorter
            .iter()
            .flat_map(|outcome| values.iter().map(move |&value| [outcome.as_slice(), &[value]].concat()));
        longer.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::THREADS;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_is_told() {
        let all = [two_cpus(), more_cpus()].concat();
        let names: BTreeSet<&str> = all.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(names.len(), all.len(), "two scenarios have one name");
        for scenario in &all {
            let words = scenario.about.split_whitespace().count();
            assert!(words >= 6, "{} is told in {words} words: {:?}", scenario.name, scenario.about);
        }
    }

    /// Whatever a design keeps of a thread is kept once.
    #[test]
    fn a_thread_has_one_process_and_begins_on_one_cpu() {
        let mut wrong = Vec::new();
        for scenario in [two_cpus(), more_cpus()].concat() {
            let threads = scenario.threads();
            let numbers: BTreeSet<usize> = threads.iter().map(|(thread, _)| *thread).collect();
            let starts = scenario.parts.iter().filter_map(|part| match part.on {
                Some(On::User { thread, .. }) => Some(thread),
                _ => None,
            });
            let begins: Vec<usize> = starts.collect();
            let begin_once: BTreeSet<usize> = begins.iter().copied().collect();
            let is_any = numbers.iter().all(|&thread| thread < THREADS - 1);
            if !is_any || numbers.len() != threads.len() || begin_once.len() != begins.len() {
                wrong.push(scenario.name);
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}
