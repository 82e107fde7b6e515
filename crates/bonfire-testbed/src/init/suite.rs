//! The conformance suite, reported case by case.

use crate::world::{self, Machine};
use crate::{Arguments, say};
use bonfire_conformance::{Abilities, Case, Observer, Options, Outcome, run as run_cases};
use bonfire_testbed::wire::Event;
use bonfire_testbed::{Line, Selection};
use core::fmt::Write;

const BUDGET_MS: u64 = 20_000;

/// Runs the cases that the arguments select.
pub(crate) fn run(arguments: &Arguments) {
    let selection = Selection { filter: arguments.value("filter"), hunt: arguments.has("hunt") };
    let number =
        |key: &str, default: u64| arguments.value(key).and_then(|n| n.parse().ok()).unwrap_or(default);
    let options = Options { budget_ns: number("budget", BUDGET_MS) * 1_000_000, seed: number("seed", 0) };
    let machine = Machine::new().expect("memory for the arena");
    world::share(&machine, |machine| {
        run_cases(machine, &|case| selection.picks(case), options, &mut Reporter);
    });
}

struct Reporter;

impl Observer for Reporter {
    fn measured(&mut self, abilities: &Abilities) {
        say(Event::Measured(*abilities));
    }

    fn begins(&mut self, case: &Case) {
        say(Event::Begins(id(case).text()));
    }

    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        say(Event::Ended(id(case).text(), *outcome));
    }
}

fn id(case: &Case) -> Line {
    let mut line = Line::new();
    let _ = write!(line, "{case}");
    line
}
