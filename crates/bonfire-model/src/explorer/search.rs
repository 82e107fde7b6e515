//! The search: every state that can be reached.
//!
//! Breadth first, a way to a flaw is a shortest one, but nearly everything has
//! been seen when it is found, for outcomes come last. Depth first, it is found
//! early, and long. What is found if there is no flaw is the same.

use std::collections::{BTreeSet, VecDeque};

use super::op::Op;
use super::program::{Future, Poked, Programs, Words};
use super::reduce::Futures;
use super::replay;
use super::rules::Rules;
use super::state::{Layout, MAX_CPUS, State};
use super::step::{Step, Stepper};
use super::store::Store;

/// What is left when everything has happened: the registers, then the memory
/// that the test shows.
pub type Outcome = Vec<u64>;

/// Which state is looked at next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The one that was found first.
    BreadthFirst,
    /// The one that was found last.
    DepthFirst,
}

impl Order {
    fn next(self, waiting: &mut VecDeque<u32>) -> Option<u32> {
        match self {
            Self::BreadthFirst => waiting.pop_front(),
            Self::DepthFirst => waiting.pop_back(),
        }
    }
}

/// More steps than any program takes where nobody else matters.
const ENDLESS: usize = 1_000_000;

/// How a search goes; what it finds does not depend on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Which state is looked at next. Breadth first for shortest ways to flaws.
    pub order: Order,
    /// Skip steps that need not be told apart. Off only to check itself.
    pub reduce: bool,
    /// How much memory the states may take.
    pub limit_bytes: usize,
}

impl Plan {
    /// The quickest.
    #[must_use]
    pub const fn within(limit_bytes: usize) -> Self {
        Self { order: Order::DepthFirst, reduce: true, limit_bytes }
    }

    /// By which a way to a flaw is a shortest one.
    #[must_use]
    pub const fn shortest(limit_bytes: usize) -> Self {
        Self { order: Order::BreadthFirst, ..Self::within(limit_bytes) }
    }
}

/// What a search looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An outcome that must not be.
    Forbidden(Outcome),
    /// Nothing can happen any more, and not every program is over.
    Hang,
    /// A CPU was poked, and none may be.
    Poked,
    /// A CPU was poked to which another poke was still on its way.
    PokedTwice,
    /// A barrier was passed, and none may be.
    Paid,
    /// Something was done by a thread that could have been moved meanwhile.
    Unpinned,
}

/// How many pokes may be on their way to a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pokes {
    /// None at all.
    None,
    /// One.
    OneAtATime,
    /// Any number.
    Any,
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
    plan: Plan,
    layout: Layout,
    /// Words whose values count to the end.
    kept: Words,
    bytes: Vec<u8>,
    alone: Vec<(Step, State)>,
    /// How many states were passed on the way from one kept state to the next.
    passed: u64,
    states: Store,
    pub(crate) outcomes: BTreeSet<Outcome>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(programs: &'a mut Programs, rules: Rules, plan: Plan, registers: usize) -> Self {
        let initial = programs.initial.clone();
        let first = initial.memory.iter().map(|&value| programs.values.id(value)).collect();
        let kept = initial.observed.iter().fold(programs.waited_for(), |kept, &word| kept | 1 << word);
        let layout = Layout { cpus: programs.cpus(), registers, code: initial.code, first };
        Self {
            programs,
            rules,
            plan,
            layout,
            kept,
            bytes: Vec::new(),
            alone: Vec::new(),
            passed: 0,
            states: Store::default(),
            outcomes: BTreeSet::new(),
        }
    }

    /// How many states were looked at.
    pub(crate) fn looked_at(&self) -> u64 {
        self.passed + u64::from(self.states.len())
    }

    /// Whether a program did what was not expected of it: this search counts for
    /// nothing then.
    pub(crate) fn has_misguessed(&self) -> bool {
        self.plan.reduce && self.programs.has_misguessed()
    }

    /// Looks at every state, until `is_flaw` says that an outcome is one, or there
    /// are more pokes than may be.
    pub(crate) fn run(&mut self, pokes: Pokes, is_flaw: &dyn Fn(&[u64]) -> bool) -> End {
        self.programs.poked = Poked::default();
        let mut state = self.first_state();
        let mut waiting = VecDeque::new();
        waiting.extend(self.keep(&mut state.clone(), 0));
        let mut steps = Vec::new();
        while let Some(current) = self.plan.order.next(&mut waiting) {
            state.decode(&self.layout, self.states.get(current));
            steps = self.steps(&state, steps);
            if steps.is_empty()
                && let Some(flaw) = self.finish(&state, is_flaw)
            {
                return End::Found(flaw, current);
            }
            for (_, next) in &mut steps {
                if !next.has_room(self.layout.cpus) || self.states.size() > self.plan.limit_bytes {
                    return End::OutOfMemory;
                }
                waiting.extend(self.keep(next, current));
            }
            steps.clear();
            let Poked { at_all, twice } = self.programs.poked;
            match pokes {
                Pokes::None if at_all => return End::Found(Flaw::Poked, current),
                Pokes::OneAtATime if twice => return End::Found(Flaw::PokedTwice, current),
                _ => {}
            }
            if self.is_stale() {
                return End::Stale;
            }
        }
        End::Complete
    }

    /// Whether a word was touched that its states have no room for.
    fn is_stale(&self) -> bool {
        self.programs.initial.memory.len() != self.layout.first.len()
    }

    /// The steps that lead to the state of this number.
    pub(crate) fn path(&mut self, last: u32) -> Vec<Step> {
        let mut numbers = vec![last];
        while let Some(&number) = numbers.last()
            && number != 0
        {
            numbers.push(self.states.parent(number));
        }
        numbers.reverse();
        let mut path = Vec::new();
        self.settle(&mut self.first_state(), Some(&mut path));
        for pair in numbers.windows(2) {
            path.extend(self.steps_between(pair[0], pair[1]));
        }
        path
    }

    fn steps_between(&mut self, parent: u32, child: u32) -> Vec<Step> {
        let mut state = State::new(&self.layout);
        state.decode(&self.layout, self.states.get(parent));
        for (step, mut next) in self.steps(&state, Vec::new()) {
            let mut path = vec![step];
            self.settle(&mut next, Some(&mut path));
            self.write_bytes(&mut next);
            if self.bytes == self.states.get(child) {
                return path;
            }
        }
        unreachable!("a state was found by a step from its parent")
    }

    fn first_state(&self) -> State {
        let mut state = State::new(&self.layout);
        for cpu in 0..self.layout.cpus {
            state.cpus[cpu].frames.push(self.programs.body(cpu));
            state.cpus[cpu].dead = self.programs.initial.dead >> cpu & 1 != 0;
        }
        state
    }

    /// The steps out of `state`.
    fn steps(&mut self, state: &State, reused: Vec<(Step, State)>) -> Vec<(Step, State)> {
        let mut stepper =
            Stepper { programs: self.programs, rules: self.rules, reduce: self.plan.reduce, found: reused };
        for cpu in 0..self.layout.cpus {
            stepper.of_cpu(state, cpu);
        }
        if stepper.found.is_empty() {
            // Nobody looks for what is left.
            (0..self.layout.cpus).for_each(|cpu| stepper.window(state, cpu));
        }
        stepper.found
    }

    /// Takes the steps that can be taken alone, one after the other, to where
    /// there is a choice; tells which, if asked.
    fn settle(&mut self, state: &mut State, mut told: Option<&mut Vec<Step>>) -> Futures {
        for _ in 0..ENDLESS {
            if !self.plan.reduce {
                return Futures::ANYTHING;
            }
            let futures = Futures::of(self.programs, state);
            // A program that missed a word may go in circles once it is there. Others go on:
            // a pass that stops early learns less, and the next one would assume too little.
            let may_circle = self.is_stale() && replay::has_missed();
            if !state.has_room(self.layout.cpus) || may_circle {
                return futures;
            }
            let found = std::mem::take(&mut self.alone);
            let mut stepper =
                Stepper { programs: self.programs, rules: self.rules, reduce: self.plan.reduce, found };
            stepper.alone(state, &futures);
            self.alone = stepper.found;
            let Some((step, next)) = self.alone.pop() else { return futures };
            *state = next;
            self.passed += 1;
            if let Some(told) = &mut told {
                told.push(step);
            }
        }
        panic!("a CPU goes on alone without end");
    }

    /// Nothing can happen any more: an outcome, or a hang.
    fn finish(&mut self, state: &State, is_flaw: &dyn Fn(&[u64]) -> bool) -> Option<Flaw> {
        let is_over = |cpu: usize| {
            let frames = &state.cpus[cpu].frames;
            frames.len() == 1 && self.programs.at(frames[0]).op == Op::End
        };
        if !(0..self.layout.cpus).all(is_over) {
            return Some(Flaw::Hang);
        }
        let registers = state.registers[..self.layout.registers].iter().copied();
        let memory = self.programs.initial.observed.iter().map(|&word| state.latest(word));
        let outcome: Outcome = registers.chain(memory).map(|value| self.programs.values.get(value)).collect();
        let flaw = is_flaw(&outcome).then(|| Flaw::Forbidden(outcome.clone()));
        self.outcomes.insert(outcome);
        flaw
    }

    /// Keeps the state that `state` leads to, unless it is known; its number.
    fn keep(&mut self, state: &mut State, parent: u32) -> Option<u32> {
        self.write_bytes(state);
        self.states.insert(&self.bytes, parent)
    }

    /// Writes the bytes of the state that `state` leads to, without what nobody
    /// can tell apart.
    fn write_bytes(&mut self, state: &mut State) {
        let futures = self.settle(state, None);
        let mut all = [Future::default(); MAX_CPUS];
        for (future, &known) in all.iter_mut().zip(futures.all(self.layout.cpus)) {
            *future = if self.rules.loads_are_early() { known } else { known.reading_the_newest() };
        }
        state.fold(&all[..self.layout.cpus], &self.layout.code, self.kept);
        self.bytes.clear();
        state.encode(&self.layout, &mut self.bytes);
    }
}
