//! Fewer interleavings, the same outcomes: steps that can be taken at once, and
//! alone.
//!
//! Where one CPU has a step that nobody else's steps, now or later, can see or
//! be disturbed by, every other order of steps leads to what this step followed
//! by the others leads to. Then only it is explored. Three kinds are of that
//! sort, each only while no interrupt can come between:
//!
//! - What only puts something into the CPU's own window.
//! - Barriers and core serialisations: once they can be done, doing them at
//!   once leaves more open than doing them later, for they make *now* the
//!   oldest moment that the CPU can read.
//! - Loads with a single value that nobody else will change, and
//!   read-modify-writes of words that nobody else will touch.
//!
//! That interrupts cannot come between is known when they are off, or when
//! nobody can poke the CPU any more ([`Future::pokes`]). A wait that is over is
//! such a step even with interrupts on, if they still are after it: an interrupt
//! before it may as well come after it. That holds only for words that never
//! become smaller, or the wait might be missed by waiting; which those are is an
//! assumption like the futures ([`Programs::only_grows`]).

use super::op::{Barrier, Op};
use super::program::{Future, Node, Programs, bit};
use super::state::{Entry, State};
use super::step::Stepper;

/// What every CPU may still do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Futures {
    all: [Future; super::state::MAX_CPUS],
    /// CPUs at which an interrupt may yet arrive, a bit for each.
    pokeable: u8,
}

impl Futures {
    /// What the CPUs may do from `state` on, handlers included.
    pub(crate) fn of(programs: &Programs, state: &State) -> Self {
        let cpus = programs.cpus();
        let mut futures = Self::default();
        let mut poked = 0;
        for cpu in 0..cpus {
            futures.all[cpu] = super::step::own_future(programs, state, cpu);
            poked |= futures.all[cpu].pokes | u8::from(state.cpus[cpu].pending) << cpu;
        }
        while poked & !futures.pokeable != 0 {
            let cpu = (poked & !futures.pokeable).trailing_zeros() as usize;
            futures.pokeable |= 1 << cpu;
            if cpu < cpus {
                futures.all[cpu] = futures.all[cpu].or(programs.handler_future(cpu));
                poked |= futures.all[cpu].pokes;
            }
        }
        futures
    }

    pub(crate) fn all(&self, cpus: usize) -> &[Future] {
        &self.all[..cpus]
    }

    fn others(&self, cpu: usize) -> Future {
        let others = self.all.iter().enumerate().filter(|(other, _)| *other != cpu);
        others.fold(Future::default(), |future, (_, other)| future.or(*other))
    }
}

impl Stepper<'_> {
    /// Finds the steps of one CPU that can be taken alone, if there are any.
    pub(crate) fn alone(&mut self, state: &State, futures: &Futures) -> bool {
        (0..self.programs.cpus())
            .any(|cpu| self.operation_alone(state, futures, cpu) || self.leaving_alone(state, futures, cpu))
    }

    fn operation_alone(&mut self, state: &State, futures: &Futures, cpu: usize) -> bool {
        let node: Node = *state.cpus[cpu].frames.last().expect("every CPU has a body");
        let request = *self.programs.at(node);
        let is_quiet = !request.open || futures.pokeable >> cpu & 1 == 0;
        let is_alone = match request.op {
            Op::Wait { word, inbox, .. } => {
                (request.open || inbox.is_none()) && self.programs.only_grows(word)
            }
            _ if !is_quiet => false,
            Op::Store { .. } | Op::Poke(_) => self.rules.has_window(),
            Op::Observe { .. } | Op::Modify { used: false, .. } if self.rules.loads_are_early() => true,
            Op::Gate | Op::CoreSync => true,
            Op::Fence(Barrier::Full | Barrier::Acquire | Barrier::Write | Barrier::Release) => true,
            Op::Modify { word, .. } | Op::Lock { word } => {
                let others = futures.others(cpu);
                (others.reads() | others.writes()) & bit(word) == 0
            }
            Op::Load { word, .. } | Op::Observe { word, .. } => futures.others(cpu).writes() & bit(word) == 0,
            _ => false,
        };
        if !is_alone {
            return false;
        }
        self.operation(state, cpu);
        let is_single = self.found.len() == 1
            && (is_quiet || {
                let after = self.programs.after(node, 0);
                let after = self.programs.at(after);
                after.open && after.occupant == request.occupant
            });
        if !is_single {
            self.found.clear();
        }
        is_single
    }

    /// What leaves the window for a word that nobody else looks at, and a load
    /// of one that nobody else will change.
    fn leaving_alone(&mut self, state: &State, futures: &Futures, cpu: usize) -> bool {
        let window = &state.cpus[cpu].window;
        if window.is_empty() {
            return false;
        }
        let others = futures.others(cpu);
        for index in 0..window.len() {
            let private = match window[index] {
                Entry::Observe { word, .. } => others.writes() & bit(word) == 0,
                entry => {
                    entry.writes().is_some_and(|word| (others.reads() | others.writes()) & bit(word) == 0)
                }
            };
            if private {
                self.entry(state, cpu, index);
                if self.found.len() == 1 {
                    return true;
                }
                self.found.clear();
            }
        }
        false
    }
}
