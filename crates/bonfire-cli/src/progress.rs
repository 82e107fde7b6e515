//! The run as it goes on: a bar on stderr if that is a terminal, nothing else.

use bonfire_conformance::{Abilities, Case, Observer, Outcome, cases};
use indicatif::{ProgressBar, ProgressStyle};

use crate::interrupt;

/// Watches a run and keeps what became of each case.
pub(crate) struct Progress {
    bar: ProgressBar,
    machine: Option<Abilities>,
    outcomes: Vec<(Case, Outcome)>,
}

impl Progress {
    /// Of a run of this many cases.
    pub(crate) fn new(cases: usize) -> Self {
        const STYLE: &str = "{elapsed:>4} [{bar:24}] {pos}/{len} {wide_msg}";
        let style = ProgressStyle::with_template(STYLE).expect("the template is fixed");
        // Drawn to stderr, and only there if it is a terminal. It draws when a
        // case begins and never on a thread of its own: this process forks.
        let bar = ProgressBar::new(cases as u64).with_style(style.progress_chars("=> "));
        Self { bar, machine: None, outcomes: Vec::with_capacity(cases) }
    }

    /// Leaves the terminal as it was. What was measured of the machine, and the
    /// outcomes in the order of the cases, whichever had to be tried again at the
    /// end.
    pub(crate) fn finish(mut self) -> (Option<Abilities>, Vec<(Case, Outcome)>) {
        self.bar.finish_and_clear();
        self.outcomes.sort_by_cached_key(|(case, _)| cases().position(|other| other == *case));
        (self.machine, self.outcomes)
    }
}

impl Observer for Progress {
    fn measured(&mut self, abilities: &Abilities) {
        self.machine = Some(*abilities);
    }

    fn begins(&mut self, case: &Case) {
        self.bar.set_message(case.to_string());
    }

    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        self.outcomes.push((*case, *outcome));
        self.bar.inc(1);
    }

    fn stop(&mut self) -> bool {
        interrupt::requested()
    }
}
