//! The explorer: a machine of a few CPUs on which everything that can happen
//! does.
//!
//! Entry point: [`explore`]. A [`Test`] gives it a set-up, a body for each CPU
//! and what a poke makes a CPU run, all of them ordinary code that asks for
//! operations (`replay`); the [`Rules`] say how weak the machine is. The
//! answer is every outcome that there is, or a shortest way to a flaw.

mod access;
mod memory;
mod op;
mod program;
mod reduce;
mod replay;
mod rules;
mod search;
mod state;
mod step;
mod store;
mod trace;

use std::collections::BTreeSet;

pub use access::{core_sync, drop_pokes, fence, poke};
pub use op::{Barrier, Register};
pub(crate) use op::{Change, Op, WordId, acquires, releases};
pub use program::Body;
pub use replay::{
    Handler, Occupant, Shared, declare_code, milestone, name_value, name_word, name_words_by, observe_memory,
    occupant, occupy, on_cpu, this_cpu, without_interrupts,
};
pub(crate) use replay::{in_set_up, perform_at, word_name, word_named};
pub use rules::{Fault, Memory, PokeOrder, Rules};
pub use search::{Flaw, Order, Outcome, Plan, Pokes};
pub use state::MAX_CPUS;
pub use trace::{Event, Trace};

use program::Programs;
use search::{End, Search};

/// Says whether an outcome is a flaw.
pub type IsFlaw = Box<dyn Fn(&[u64]) -> bool>;

/// What is explored.
pub struct Test {
    /// Runs before everything, each operation at once.
    pub set_up: Box<dyn Fn()>,
    /// What each CPU runs.
    pub bodies: Vec<Body>,
    /// What a poke makes a CPU run.
    pub handler: Handler,
    /// How many registers the bodies use.
    pub registers: usize,
    /// How many pokes may be on their way to a CPU.
    pub pokes: Pokes,
    /// Which outcomes are flaws.
    pub is_flaw: IsFlaw,
}

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// What it came to.
    pub verdict: Verdict,
    /// The outcomes that were reached.
    pub outcomes: BTreeSet<Outcome>,
    /// How many states were looked at, over all passes.
    pub states: u64,
    /// A number made of all that the programs were seen to do.
    pub fingerprint: u64,
}

/// What an exploration came to.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// No way to a flaw.
    Holds,
    /// A flaw, and a shortest way to it.
    Flawed(Flaw, Box<Trace>),
    /// It would have taken more memory than allowed.
    CouldNotFinish,
}

impl Verdict {
    /// Whether there is no way to a flaw.
    #[must_use]
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Holds)
    }

    /// Whether a flaw was found.
    #[must_use]
    pub const fn is_flawed(&self) -> bool {
        matches!(self, Self::Flawed(..))
    }
}

/// Looks at everything that can happen in `test` on a machine with `rules`, as `plan`
/// says.
#[must_use]
pub fn explore(test: Test, rules: Rules, plan: Plan) -> Exploration {
    let Test { set_up, bodies, handler, registers, pokes, is_flaw } = test;
    let mut programs = Programs::new(bodies, handler, &*set_up, plan.reduce);
    let mut states = learn(&mut programs, rules, plan, registers);
    loop {
        let mut search = Search::new(&mut programs, rules, plan, registers);
        let end = search.run(pokes, &is_flaw);
        states += search.looked_at();
        if end == End::Stale && replay::takes_missed() {
            programs.regrow();
            states += learn(&mut programs, rules, plan, registers);
            continue;
        }
        let outcomes = std::mem::take(&mut search.outcomes);
        let misguessed = search.has_misguessed();
        let path = match end {
            End::Found(_, state) if !misguessed => search.path(state),
            _ => Vec::new(),
        };
        // Whatever was found is so only if what was assumed of the programs held.
        let was_current = !plan.reduce || programs.settle();
        if end == End::OutOfMemory || was_current && end != End::Stale {
            let verdict = match end {
                End::Found(flaw, _) => Verdict::Flawed(flaw, Box::new(Trace::of(&programs, &path))),
                End::OutOfMemory => Verdict::CouldNotFinish,
                End::Complete | End::Stale => Verdict::Holds,
            };
            let fingerprint = programs.fingerprint();
            return Exploration { verdict, outcomes, states, fingerprint };
        }
    }
}

/// A cheap pass, to learn what the programs do, where the plan makes use of that; how many
/// states were looked at.
fn learn(programs: &mut Programs, rules: Rules, plan: Plan, registers: usize) -> u64 {
    if !plan.reduce {
        return 0;
    }
    let sequential = Rules { memory: Memory::Sc, ..rules };
    let mut states = 0;
    loop {
        let mut search = Search::new(programs, sequential, Plan::within(plan.limit_bytes), registers);
        let end = search.run(Pokes::Any, &|_| false);
        states += search.looked_at();
        if end != End::Stale || !replay::takes_missed() {
            break;
        }
        programs.regrow();
    }
    programs.settle();
    states
}
