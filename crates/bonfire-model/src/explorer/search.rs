//! The search: every state that can be reached, breadth first.
//!
//! States are kept as bytes, one after the other, in the order in which they
//! were found, which is also the order in which they are looked at: the queue
//! is the store. Being breadth first makes every counter-example a shortest
//! one.

use std::collections::BTreeSet;

use super::op::Op;
use super::program::{Future, Programs};
use super::reduce::Futures;
use super::state::{MAX_CPUS, Shape, State};
use super::step::{Rules, Step, Stepper};
use super::store::Store;

/// What is left when everything has happened: the registers, then the memory
/// that the test shows.
pub type Outcome = Vec<u64>;

/// What a search looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An outcome that must not be.
    Forbidden(Outcome),
    /// Nothing can happen any more, and not every program is over.
    Hang,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that can happen was seen.
    Complete,
    /// A flaw, in the state of this number.
    Found(Flaw, u32),
    /// It would have taken more memory than it may, or than a state has room.
    OutOfMemory,
    /// The programs touch a word that was not there when the search began.
    Stale,
}

/// A search, and what it has found so far.
pub(crate) struct Search<'a> {
    programs: &'a mut Programs,
    rules: Rules,
    shape: Shape,
    bytes: Vec<u8>,
    pub(crate) states: Store,
    pub(crate) outcomes: BTreeSet<Outcome>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(programs: &'a mut Programs, rules: Rules, registers: usize) -> Self {
        let initial = programs.initial.clone();
        let first = initial.memory.iter().map(|&value| programs.values.id(value)).collect();
        let shape = Shape { cpus: programs.cpus(), registers, code: initial.code, first };
        Self {
            programs,
            rules,
            shape,
            bytes: Vec::new(),
            states: Store::default(),
            outcomes: BTreeSet::new(),
        }
    }

    /// Looks at every state, until `is_flaw` says that an outcome is one.
    pub(crate) fn run(&mut self, limit_bytes: usize, is_flaw: &dyn Fn(&[u64]) -> bool) -> End {
        let mut state = self.first_state();
        self.keep(state, 0);
        let mut steps = Vec::new();
        let mut current = 0;
        while current < self.states.len() {
            state.decode(&self.shape, self.states.get(current));
            steps = self.steps(&state, steps);
            if steps.is_empty()
                && let Some(flaw) = self.finish(&state, is_flaw)
            {
                return End::Found(flaw, current);
            }
            for (_, next) in steps.drain(..) {
                if !next.has_room(self.shape.cpus) || self.states.size() > limit_bytes {
                    return End::OutOfMemory;
                }
                self.keep(next, current);
            }
            if self.programs.initial.memory.len() != self.shape.first.len() {
                return End::Stale;
            }
            current += 1;
        }
        End::Complete
    }

    /// The steps that lead to the state of this number, and their results.
    pub(crate) fn path(&mut self, last: u32) -> Vec<(Step, State)> {
        let mut numbers = vec![last];
        while let Some(&number) = numbers.last()
            && number != 0
        {
            numbers.push(self.states.parent(number));
        }
        numbers.reverse();
        numbers.windows(2).map(|pair| self.step_between(pair[0], pair[1])).collect()
    }

    /// The state of this number.
    pub(crate) fn state(&self, number: u32) -> State {
        let mut state = State::new(&self.shape);
        state.decode(&self.shape, self.states.get(number));
        state
    }

    pub(crate) fn programs(&self) -> &Programs {
        self.programs
    }

    fn step_between(&mut self, parent: u32, child: u32) -> (Step, State) {
        let state = self.state(parent);
        let steps = self.steps(&state, Vec::new());
        let leads = steps.into_iter().find(|(_, next)| {
            self.write_bytes(*next);
            self.bytes == self.states.get(child)
        });
        leads.expect("a state was found by a step from its parent")
    }

    fn first_state(&self) -> State {
        let mut state = State::new(&self.shape);
        for cpu in 0..self.shape.cpus {
            state.cpus[cpu].frames.push(self.programs.body(cpu));
            state.cpus[cpu].dead = self.programs.initial.dead >> cpu & 1 != 0;
        }
        state
    }

    /// The steps out of `state`: of one CPU if those suffice, else of all.
    fn steps(&mut self, state: &State, reused: Vec<(Step, State)>) -> Vec<(Step, State)> {
        let mut stepper = Stepper { programs: self.programs, rules: self.rules, found: reused };
        if self.rules.reduce {
            let futures = Futures::of(stepper.programs, state);
            if stepper.alone(state, &futures) {
                return stepper.found;
            }
        }
        for cpu in 0..self.shape.cpus {
            stepper.of_cpu(state, cpu);
        }
        stepper.found
    }

    /// Nothing can happen any more: an outcome, or a hang.
    fn finish(&mut self, state: &State, is_flaw: &dyn Fn(&[u64]) -> bool) -> Option<Flaw> {
        let is_over = |cpu: usize| {
            let frames = &state.cpus[cpu].frames;
            frames.len() == 1 && self.programs.at(frames[0]).op == Op::End
        };
        if !(0..self.shape.cpus).all(is_over) {
            return Some(Flaw::Hang);
        }
        let registers = state.registers[..self.shape.registers].iter().copied();
        let memory = self.programs.initial.observed.iter().map(|&word| state.latest(word));
        let outcome: Outcome = registers.chain(memory).map(|value| self.programs.values.get(value)).collect();
        let flaw = is_flaw(&outcome).then(|| Flaw::Forbidden(outcome.clone()));
        self.outcomes.insert(outcome);
        flaw
    }

    fn keep(&mut self, state: State, parent: u32) {
        self.write_bytes(state);
        self.states.insert(&self.bytes, parent);
    }

    /// Writes the bytes of `state`, without what nobody can tell apart.
    fn write_bytes(&mut self, mut state: State) {
        let futures = Futures::of(self.programs, &state);
        let mut all = [Future::default(); MAX_CPUS];
        for (future, &known) in all.iter_mut().zip(futures.all(self.shape.cpus)) {
            *future = if self.rules.loads_are_early() { known } else { known.reading_the_newest() };
        }
        let kept = self.programs.initial.observed.iter().fold(0, |kept, &word| kept | 1 << word);
        state.fold(&all[..self.shape.cpus], &self.shape.code, kept);
        self.bytes.clear();
        state.encode(&self.shape, &mut self.bytes);
    }
}
