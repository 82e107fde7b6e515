//! Scenarios: what a few CPUs do, and what must not come of it.
//!
//! A scenario is data. Most are a *shape* (who reads and writes what, and which
//! outcome is forbidden) in a *situation* (what happens to the fast side's CPU
//! meanwhile); see [`shape`] and [`situation`].

mod draw;
pub mod more;
pub mod shape;
pub mod situation;
pub mod three;

use std::collections::BTreeSet;

use bonfire_abi::Command;

use crate::explorer::Outcome;
use crate::kernel::{Act, On, Var};
use crate::run::Design;

use shape::Shape;

/// The scenarios of two CPUs.
#[must_use]
pub fn two_cpus() -> Vec<Scenario> {
    let mut all = Vec::new();
    for situation in situation::situations() {
        all.extend(Shape::ALL.map(|shape| situation::place(&situation, shape, situation::PRIVATE)));
        for caller in [situation::GLOBAL_EXPEDITED, situation::GLOBAL] {
            all.extend(Shape::MAIN.map(|shape| situation::place(&situation, shape, caller)));
        }
    }
    all.extend(more::scenarios());
    all
}

/// What one CPU does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What occupies the CPU in the beginning; `None` if it is offline.
    pub on: Option<On>,
    /// What it does.
    pub acts: Vec<Act>,
}

/// The machine that a scenario needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing beyond the minimum.
    Nothing,
    /// Core serialisation that no way to user mode gives (RISC-V).
    CoreSync,
    /// The same, put off to the way to user mode.
    CoreSyncLate,
    /// Core serialisation that only some ways to user mode give (x86).
    CoreSyncX86,
    /// The same, put off to the way to user mode.
    CoreSyncX86Late,
    /// Rseq critical sections.
    Rseq,
}

/// A scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name: a situation, a shape, and a command.
    pub name: String,
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
    /// The machine that it needs.
    pub needs: Needs,
    /// The designs that it is about; none for all of them.
    pub designs: Vec<Design>,
}

impl Scenario {
    /// A scenario in which nothing is read: it must come to an end.
    #[must_use]
    pub fn bare(name: impl Into<String>, parts: Vec<Part>) -> Self {
        Self {
            name: name.into(),
            parts,
            registered: vec![(0, Command::RegisterPrivateExpedited)],
            registers: 0,
            shown: Vec::new(),
            forbidden: BTreeSet::new(),
            expected: BTreeSet::from([Vec::new()]),
            needs: Needs::Nothing,
            designs: Vec::new(),
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
            Act::Switch(on) => Some(*on),
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
        threads.dedup_by_key(|&mut (thread, _)| thread);
        threads
    }
}
