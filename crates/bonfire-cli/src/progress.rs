//! The run as it goes on: a bar on stderr if that is a terminal, nothing else.

use std::io::{self, IsTerminal};

use bonfire_conformance::{Abilities, Case, Observer, Outcome, cases};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{interrupt, seed};

/// Watches a run and keeps what became of each case.
pub(crate) struct Progress {
    /// `None` where nobody looks.
    bar: Option<ProgressBar>,
    machine: Option<Abilities>,
    outcomes: Vec<(Case, Outcome)>,
}

impl Progress {
    /// Of a run of this many cases.
    pub(crate) fn new(cases: usize) -> Self {
        Self { bar: bar_of_cases(cases), machine: None, outcomes: Vec::with_capacity(cases) }
    }

    /// Leaves the terminal as it was. What was measured of the machine, and the
    /// outcomes in the order of the cases, whichever had to be tried again at the
    /// end.
    pub(crate) fn finish(mut self) -> (Option<Abilities>, Vec<(Case, Outcome)>) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
        self.outcomes.sort_by_cached_key(|(case, _)| cases().position(|other| other == *case));
        (self.machine, self.outcomes)
    }
}

/// Drawn to stderr, and only there if it is a terminal. It draws when a case begins
/// and never on a thread of its own: this process forks. What is between the marks
/// of its style is kept by hash, for which a young kernel may lack random numbers.
fn bar_of_cases(cases: usize) -> Option<ProgressBar> {
    (io::stderr().is_terminal() && seed::is_random()).then(|| bar(cases))
}

/// A bar of so many steps, in the one style of this command; its message is what is
/// being done.
pub(crate) fn bar(steps: usize) -> ProgressBar {
    const STYLE: &str = "{elapsed:>4} [{bar:24}] {human_pos}/{human_len} {wide_msg}";
    let style = ProgressStyle::with_template(STYLE).expect("the template is fixed");
    ProgressBar::new(steps as u64).with_style(style.progress_chars("=> "))
}

impl Observer for Progress {
    fn measured(&mut self, abilities: &Abilities) {
        self.machine = Some(*abilities);
    }

    fn begins(&mut self, case: &Case) {
        self.bar.iter().for_each(|bar| bar.set_message(case.to_string()));
    }

    fn ended(&mut self, case: &Case, outcome: &Outcome) {
        self.outcomes.push((*case, *outcome));
        self.bar.iter().for_each(|bar| bar.inc(1));
    }

    fn stop(&mut self) -> bool {
        interrupt::requested()
    }
}
