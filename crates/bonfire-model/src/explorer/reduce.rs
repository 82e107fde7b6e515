//! Fewer interleavings, the same outcomes.
//!
//! **Steps that are taken at once, and alone.** Where one CPU has a step that
//! nobody else's steps, now or later, can see or be disturbed by, every other
//! order of steps leads to what this step followed by the others leads to. Then
//! only it is explored. Three kinds are of that sort, each only while no
//! interrupt can come between:
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
//!
//! **Nothing leaves a window before somebody looks for it.** A step out of a
//! window that no next step of anybody can tell from its absence is put off to
//! just before the first step that can. What comes in between is then as it was,
//! or leaves more open: a barrier makes *now* the oldest moment before one more
//! write, and a CPU that acquires by another word sees no more than before. Only one
//! that acquires by this very word would see more, which is looked at apart.

use super::op::{Barrier, Op, WordId};
use super::program::{Future, Node, Programs, bit};
use super::rules::Memory;
use super::state::{CpuState, Entry, State};
use super::step::{Stepper, What};

/// What every CPU may still do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Futures {
    all: [Future; super::state::MAX_CPUS],
    /// CPUs at which an interrupt may yet arrive, a bit for each.
    pokeable: u8,
}

impl Futures {
    /// Nothing is known.
    pub(crate) const ANYTHING: Self = Self { all: [Future::ANYTHING; super::state::MAX_CPUS], pokeable: !0 };

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

    /// Lets out of the window what somebody looks for.
    ///
    /// A store that leaves while nobody's next step can tell may as well leave
    /// later: put off to just before the first step that can, it leaves all that
    /// comes in between as open as it was, or more so.
    pub(crate) fn window_on_demand(&mut self, state: &State, cpu: usize) {
        let window = &state.cpus[cpu].window;
        let mut wanted = 0u32;
        for index in (0..window.len()).rev() {
            let is_wanted = match window[index] {
                Entry::Observe { .. } => {
                    if self.is_awaited(state, cpu, index, wanted) {
                        self.entry(state, cpu, index);
                    }
                    continue;
                }
                Entry::Fence(_) => continue,
                _ => {
                    self.is_looked_for(state, cpu, index)
                        || (index + 1..window.len())
                            .any(|later| wanted >> later & 1 != 0 && self.is_in_the_way(window, index, later))
                }
            };
            if is_wanted {
                wanted |= 1 << index;
                match window[index] {
                    Entry::Poke(target) => self.poke(state, cpu, index, usize::from(target)),
                    _ => self.entry(state, cpu, index),
                }
            }
        }
    }

    /// A poke arrives when it is taken; or it is one with another that will be.
    fn poke(&mut self, state: &State, cpu: usize, index: usize, target: usize) {
        let CpuState { dead, pending, .. } = state.cpus[target];
        let can_take = self.programs.at(Self::top(state, target)).open && !dead && !pending;
        if !can_take {
            self.entry(state, cpu, index);
        } else if self.may_leave(state, cpu, index) {
            let arrived = self.leave(state, cpu, index);
            self.interrupt(&arrived, target);
            let mut other = arrived;
            other.cpus[target].pending = false;
            let poke = Entry::Poke(target as u8);
            let coming = |cpu: &CpuState| cpu.window.contains(&poke);
            if other.cpus.iter().any(coming) {
                self.emit(cpu, What::Left(poke), other);
            }
        }
    }

    /// Whether the entry at `index` has to leave before the one at `later` may.
    fn is_in_the_way(&self, window: &[Entry], index: usize, later: usize) -> bool {
        let entry = window[later];
        if !entry.is_access() {
            return self.holds_poke(window[index]);
        }
        self.rules.memory == Memory::Tso
            || entry.releases()
            || entry.writes() == window[index].writes()
            || window[index..later].iter().any(|between| matches!(between, Entry::Fence(_)))
    }

    /// Whether somebody's next step could tell whether the entry at `index` has
    /// left.
    fn is_looked_for(&self, state: &State, cpu: usize, index: usize) -> bool {
        let window = &state.cpus[cpu].window;
        let Some(word) = window[index].writes() else {
            let Entry::Poke(target) = window[index] else { return true };
            let target = self.programs.at(Self::top(state, usize::from(target)));
            return target.open || matches!(target.op, Op::Dead | Op::Alive);
        };
        let later =
            |entry: &Entry| matches!(entry, Entry::Observe { word: observed, .. } if *observed == word);
        let others = (0..self.programs.cpus()).filter(|&other| other != cpu);
        self.holds_up_its_cpu(state, cpu, word)
            || window[index + 1..].iter().any(later)
            || others.clone().any(|other| self.is_looked_for_by(state, other, word))
            || self.tells_an_order(state, cpu, index, word)
    }

    /// Whether the CPU's own next operation waits for its write of `word`, or
    /// looks at it.
    fn holds_up_its_cpu(&self, state: &State, cpu: usize, word: WordId) -> bool {
        let fenced = || state.cpus[cpu].window.iter().any(|entry| matches!(entry, Entry::Fence(_)));
        let op = self.programs.at(Self::top(state, cpu)).op;
        let waits = match op {
            Op::Fence(Barrier::Full) => true,
            Op::Modify { .. } | Op::Lock { .. } if !self.rules.loads_are_early() => true,
            Op::Modify { used: true, release, .. } => release || fenced(),
            Op::Lock { .. } => fenced(),
            _ => false,
        };
        waits || self.looks_at(op, word)
    }

    /// Whether another CPU's next step looks at `word` or changes it.
    fn is_looked_for_by(&self, state: &State, other: usize, word: WordId) -> bool {
        let touches = |(index, entry): (usize, &Entry)| match *entry {
            Entry::Observe { word: observed, .. } => {
                observed == word && self.is_awaited(state, other, index, !0)
            }
            entry => entry.writes() == Some(word),
        };
        self.looks_at(self.programs.at(Self::top(state, other)).op, word)
            || state.cpus[other].window.iter().enumerate().any(touches)
    }

    /// Whether somebody can tell by `word` whether it was written before
    /// another word: a CPU that acquires by it can, if there is something else to write.
    fn tells_an_order(&self, state: &State, cpu: usize, index: usize, word: WordId) -> bool {
        let mut all = 0..self.programs.cpus();
        let acquires = |reader: usize| {
            let own = super::step::own_future(self.programs, state, reader);
            (own.acquires | self.programs.handler_future(reader).acquires) & bit(word) != 0
        };
        let writes = |writer: usize| {
            let is_other = |&(place, entry): &(usize, &Entry)| {
                (writer, place) != (cpu, index) && entry.writes().is_some()
            };
            let mut window = state.cpus[writer].window.iter().enumerate();
            window.any(|entry| is_other(&entry))
                || matches!(
                    self.programs.at(Self::top(state, writer)).op,
                    Op::Lock { .. } | Op::Modify { used: true, .. }
                )
        };
        all.clone().any(acquires) && all.any(writes)
    }

    /// Whether doing `op` looks at `word`, or changes it at once.
    fn looks_at(&self, op: Op, word: WordId) -> bool {
        match op {
            Op::Modify { used: false, .. } if self.rules.loads_are_early() => false,
            Op::Wait { word: awaited, inbox, .. } => {
                awaited == word || inbox.is_some_and(|(inbox, _)| inbox == word)
            }
            Op::Observe { .. } if self.rules.loads_are_early() => false,
            Op::Load { word: looked, .. }
            | Op::Observe { word: looked, .. }
            | Op::Fetch { word: looked, .. }
            | Op::Modify { word: looked, .. }
            | Op::Lock { word: looked } => looked == word,
            _ => false,
        }
    }

    /// Whether something waits for the load at `index` to happen. Until then
    /// nothing is lost by not doing it: the later it happens the more it can
    /// read, old values included. Of several that are awaited by the program
    /// the first will do: in which order loads of different words are looked at
    /// makes no difference.
    fn is_awaited(&self, state: &State, cpu: usize, index: usize, wanted: u32) -> bool {
        let window = &state.cpus[cpu].window;
        let word = match window[index] {
            Entry::Observe { word, .. } => word,
            entry => unreachable!("{entry:?} is no load"),
        };
        let held = |later: usize| {
            let entry = window[later];
            wanted >> later & 1 != 0
                && entry.writes().is_some()
                && (entry.writes() == Some(word)
                    || entry.releases()
                    || self.rules.memory == Memory::NoLoadBuffering
                    || window[index..later].iter().any(|between| matches!(between, Entry::Fence(_))))
        };
        let fenced = || window[index..].iter().any(|entry| matches!(entry, Entry::Fence(_)));
        let is_first = !window[..index].iter().any(|entry| matches!(entry, Entry::Observe { .. }));
        let program = match self.programs.at(Self::top(state, cpu)).op {
            Op::Fence(Barrier::Full | Barrier::Acquire) | Op::End => is_first,
            Op::Load { acquire: true, .. } | Op::Wait { acquire: true, .. } | Op::Lock { .. } => true,
            Op::Modify { word: modified, acquire, release, .. } => {
                acquire || release || modified == word || fenced()
            }
            Op::Load { word: loaded, .. } => loaded == word,
            _ => false,
        };
        program || (index + 1..window.len()).any(held)
    }
}
