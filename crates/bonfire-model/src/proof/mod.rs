//! How algorithms of other crates are judged on the engine: the `system` that they run on,
//! and what came of each program, changed or not.
//!
//! [`rcu`](crate::rcu) and [`code`](crate::code) are such algorithms, each with its machine,
//! its scenarios and its page.

pub(crate) mod system;

use std::fmt::Write;

use crate::explorer::{Exploration, Flaw, Verdict};

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

/// A program that was judged: the mutant `M` of one that has the sites `S`.
#[derive(Clone, Debug)]
pub struct Judged<M, S> {
    /// The program.
    pub mutant: M,
    /// What came of it.
    pub fate: Fate,
    /// Of a program that lives: scenarios that did not show what they are to show.
    pub vacuous: Vec<&'static str>,
    /// The sites that it passed.
    pub passed: Vec<S>,
    /// How many states were looked at.
    pub states: u64,
}

impl<M, S> Judged<M, S> {
    /// Explores scenario after scenario, until one breaks. `explorations` makes them: the
    /// scenario's name, what was found, and whether all was seen that it is to show.
    pub(crate) fn by(
        mutant: M,
        explorations: impl Iterator<Item = (&'static str, Exploration, bool)>,
    ) -> Self {
        let mut judged =
            Self { mutant, fate: Fate::Lives, vacuous: Vec::new(), passed: Vec::new(), states: 0 };
        for (name, exploration, shows) in explorations {
            judged.states += exploration.states;
            match exploration.verdict {
                Verdict::Holds if shows => continue,
                Verdict::Holds => {
                    judged.vacuous.push(name);
                    continue;
                }
                Verdict::Flawed(flaw, _) => judged.fate = Fate::Broken(name, flaw),
                Verdict::CouldNotFinish => judged.fate = Fate::CouldNotFinish(name),
            }
            break;
        }
        judged
    }
}

impl Fate {
    /// What came of it, for a page; `forbidden` says what a forbidden outcome means.
    pub(crate) fn told(&self, forbidden: &str) -> String {
        match self {
            Self::Broken(scenario, Flaw::Hang) => format!("*{scenario}*: somebody waits for ever"),
            Self::Broken(scenario, Flaw::Forbidden(_)) => format!("*{scenario}*: {forbidden}"),
            Self::Broken(scenario, Flaw::Poked | Flaw::PokedTwice) => {
                format!("*{scenario}*: somebody is interrupted")
            }
            Self::Broken(scenario, flaw) => format!("*{scenario}*: {flaw:?}"),
            Self::Lives => "**nothing**".to_owned(),
            Self::CouldNotFinish(scenario) => format!("**could not tell**: *{scenario}* takes more memory"),
        }
    }
}

/// A line of a table.
pub(crate) fn line(page: &mut String, cells: &[&str]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("a string takes everything");
}
