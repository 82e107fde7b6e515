//! What can happen next: every step out of a state. The memory is told here, as
//! rules.
//!
//! A CPU does one of four things: take an interrupt that has arrived, do the next
//! operation of its program, let something out of its window, or look at last at
//! what an observer asked for.
//!
//! 1. *One order of writes.* A word has versions, and all CPUs agree on their order.
//!    They differ in how far along it they read ([`memory`](super::memory)).
//! 2. *The window.* A store, a poke and a load for an observer wait in their CPU's
//!    window, and leave it at any time and in any order that rules 3 to 7 allow. A
//!    store is seen by nobody else before, and by all at once then.
//! 3. *One word.* Accesses of one word by one CPU stay in order, and a load reads
//!    what the CPU itself has yet to write.
//! 4. *Early loads.* A load reads any version that was the newest at some moment
//!    since the CPU's last barrier, and none older than what this CPU has read or
//!    written of the word. An acquiring load makes the moment of that version the
//!    oldest that later loads read.
//! 5. *Late loads.* A load for an observer may also happen after stores that come
//!    later in the program.
//! 6. *Barriers.* A full one waits until no access is in the window, and makes *now*
//!    the oldest moment; an acquire barrier does so for loads alone. A write barrier
//!    and a release barrier go into the window: stores behind them wait for the stores
//!    before, and behind a release barrier, or a releasing store, for the loads too.
//! 7. *Read-modify-writes.* One whose answer counts reads the newest version, and
//!    nobody else writes the word until its own write has left the window. One whose
//!    answer does not waits there like a store, and changes what is newest when it
//!    leaves. A lock is taken at once, and acquires.
//! 8. *Pokes order nothing.* A poke may overtake stores, but not the
//!    read-modify-write that decided on it. An interrupt comes between any two
//!    operations while they are on, and is no barrier.
//! 9. *Waits.* A wait is over when it reads a version that suffices; it may miss one
//!    that does not last.
//! 10. *Instructions.* A fetch reads any version since the CPU's last core
//!     serialisation, whatever its loads read.
//!
//! Stronger machines have more rules: without load buffering rule 5 goes; under
//! total store order rule 4 goes too, stores leave in order, and a read-modify-write
//! is a full barrier; under sequential consistency nothing waits. What is wrong on
//! purpose ([`Fault`]) breaks rules 7 and 8.

use super::op::{Barrier, Op, Register, WordId};
use super::program::{Answer, Future, Node, Programs, bit};
use super::rules::{Fault, Memory, PokeOrder, Rules};
use super::state::{Entry, Posted, State};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The program's next operation, with its answer.
    Operation(Node, Answer),
    /// This left the window.
    Left(Entry),
    /// A load for an observer read this.
    Observed(WordId, Register, Answer),
    /// An interrupt was taken.
    Interrupt,
    /// A wait read something newer than what would have ended it.
    Missed(WordId),
}

/// A step: who, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) cpu: usize,
    pub(crate) what: What,
}

/// The steps out of one state, as they are found.
pub(crate) struct Stepper<'a> {
    pub(crate) programs: &'a mut Programs,
    pub(crate) rules: Rules,
    /// Skip steps that need not be told apart.
    pub(crate) reduce: bool,
    pub(crate) found: Vec<(Step, State)>,
}

impl Stepper<'_> {
    /// Finds every step that `cpu` can do next.
    pub(crate) fn of_cpu(&mut self, state: &State, cpu: usize) {
        self.interrupt(state, cpu);
        self.operation(state, cpu);
        if self.reduce { self.window_on_demand(state, cpu) } else { self.window(state, cpu) }
    }

    pub(crate) fn emit(&mut self, cpu: usize, what: What, state: State) {
        self.found.push((Step { cpu, what }, state));
    }

    pub(crate) fn top(state: &State, cpu: usize) -> Node {
        *state.cpus[cpu].frames.last().expect("every CPU has a body")
    }

    /// Takes an interrupt that has arrived.
    pub(crate) fn interrupt(&mut self, state: &State, cpu: usize) {
        let request = self.programs.at(Self::top(state, cpu));
        if !state.cpus[cpu].pending || !request.open {
            return;
        }
        let is_barrier = self.rules.has(Fault::InterruptIsBarrier);
        if is_barrier && state.cpus[cpu].window.iter().any(|entry| entry.is_access()) {
            return;
        }
        let occupant = request.occupant;
        let handler = self.programs.handler(cpu, occupant);
        let mut next = *state;
        next.cpus[cpu].pending = false;
        next.cpus[cpu].frames.push(handler);
        if self.rules.pokes == PokeOrder::Full || is_barrier {
            next.catch_up(cpu);
        }
        self.emit(cpu, What::Interrupt, next);
    }

    /// Does the program's next operation, in each way that it can go.
    pub(crate) fn operation(&mut self, state: &State, cpu: usize) {
        let node = Self::top(state, cpu);
        let mut next = *state;
        match self.programs.at(node).op {
            Op::End => {}
            Op::Gate => self.proceed(cpu, node, 0, next),
            Op::Load { word, acquire } => self.load(state, cpu, node, word, acquire),
            Op::Observe { word, register } => {
                next.cpus[cpu].window.push(Entry::Observe { word, register });
                self.proceed_through_window(cpu, node, next);
            }
            Op::Fetch { word, register } => self.fetch(state, cpu, node, word, register),
            Op::Store { word, value, release } => {
                let value = self.programs.values.id(value);
                next.cpus[cpu].window.push(Entry::Store { word, value, release });
                self.proceed_through_window(cpu, node, next);
            }
            Op::Modify { word, change, release, used: false, .. } if self.rules.loads_are_early() => {
                let (change, operand) = Posted::of(change);
                let bits = self.programs.values.id(operand);
                next.cpus[cpu].window.push(Entry::Posted { word, change, bits, release });
                self.proceed(cpu, node, 0, next);
            }
            Op::Modify { .. } | Op::Lock { .. } => self.modify(state, cpu, node),
            Op::Fence(barrier) => self.fence(state, cpu, node, barrier),
            Op::CoreSync => {
                for index in 0..self.programs.initial.code.len() {
                    next.cpus[cpu].oldest_code[index] = state.newest(self.programs.initial.code[index]);
                }
                self.proceed(cpu, node, 0, next);
            }
            Op::Poke(cpus) => {
                for target in (0..8).filter(|target| cpus >> target & 1 != 0) {
                    self.programs.poked.at_all = true;
                    self.programs.poked.twice |= next.is_poked(target);
                    next.cpus[cpu].window.push(Entry::Poke(target));
                }
                self.proceed_through_window(cpu, node, next);
            }
            Op::Wait { word, at_least, acquire, inbox } => {
                self.wait(state, cpu, node, (word, at_least, acquire), inbox);
            }
            Op::Dead if self.rules.has(Fault::DropsNoPoke) => self.proceed(cpu, node, 0, next),
            Op::Dead => {
                next.cpus[cpu].dead = true;
                next.cpus[cpu].pending = false;
                self.proceed(cpu, node, 0, next);
            }
            Op::Alive => {
                next.cpus[cpu].dead = false;
                self.proceed(cpu, node, 0, next);
            }
        }
    }

    /// The program goes on with `answer`; a handler that is over is left.
    fn proceed(&mut self, cpu: usize, node: Node, answer: Answer, mut next: State) {
        let after = self.programs.after(node, answer);
        let frames = &mut next.cpus[cpu].frames;
        frames.remove(frames.len() - 1);
        if frames.is_empty() || self.programs.at(after).op != Op::End {
            frames.push(after);
        }
        self.emit(cpu, What::Operation(node, answer), next);
    }

    /// The same, where what was put into the window does not stay there if
    /// everything happens at once.
    fn proceed_through_window(&mut self, cpu: usize, node: Node, mut next: State) {
        let at_once = match self.rules.memory {
            Memory::Sc => true,
            Memory::Tso => matches!(next.cpus[cpu].window.last(), Some(Entry::Observe { .. })),
            _ => false,
        };
        while at_once && !next.cpus[cpu].window.is_empty() {
            let last = next.cpus[cpu].window.len() - 1;
            let entry = next.cpus[cpu].window[last];
            next = match entry {
                Entry::Observe { word, register } => {
                    let value = readable(&next, cpu, word, last, false).newest;
                    next.registers[usize::from(register)] = value.expect("plain stores only");
                    next.cpus[cpu].window.remove(last);
                    return self.proceed(cpu, node, 0, next);
                }
                _ => self.leave(&next, cpu, last),
            };
        }
        self.proceed(cpu, node, 0, next);
    }

    fn load(&mut self, state: &State, cpu: usize, node: Node, word: WordId, acquire: bool) {
        let end = state.cpus[cpu].window.len();
        readable(state, cpu, word, end, self.rules.loads_are_early()).each(|value, version| {
            let mut next = *state;
            next.learn(cpu, word, version, acquire);
            self.proceed(cpu, node, value, next);
        });
    }

    fn fetch(&mut self, state: &State, cpu: usize, node: Node, word: WordId, register: Register) {
        let index =
            self.programs.initial.code.iter().position(|&code| code == word).expect("declared as code");
        state.values_since(word, state.cpus[cpu].oldest_code[index], |value, version| {
            let mut next = *state;
            next.cpus[cpu].oldest_code[index] = version;
            next.registers[usize::from(register)] = value;
            self.proceed(cpu, node, 0, next);
        });
    }

    fn wait(
        &mut self,
        state: &State,
        cpu: usize,
        node: Node,
        (word, at_least, acquire): (WordId, u64, bool),
        inbox: Option<(WordId, u64)>,
    ) {
        let end = state.cpus[cpu].window.len();
        let early = self.rules.loads_are_early();
        let reached =
            readable(state, cpu, word, end, early).first(|value| self.programs.values.get(value) >= at_least);
        if let Some(version) = reached {
            let mut next = *state;
            next.learn(cpu, word, version, acquire);
            self.proceed(cpu, node, 0, next);
        }
        let newest = state.latest(word);
        if reached.is_some() && self.programs.values.get(newest) < at_least {
            // It may also have missed that moment.
            let mut next = *state;
            next.reach(cpu, word, state.newest(word));
            self.emit(cpu, What::Missed(word), next);
        }
        let Some((word, wanted)) = inbox.filter(|_| !self.programs.at(node).open) else { return };
        let called = readable(state, cpu, word, end, early)
            .first(|value| self.programs.values.get(value) & wanted != 0);
        if let Some(version) = called {
            let mut next = *state;
            next.learn(cpu, word, version, false);
            let answer = self.programs.values.id(1);
            self.proceed(cpu, node, answer, next);
        }
    }

    /// A read-modify-write whose result counts. It reads the newest version,
    /// and from then on nobody else writes.
    fn modify(&mut self, state: &State, cpu: usize, node: Node) {
        let (word, change, acquire, release, used) = match self.programs.at(node).op {
            Op::Modify { word, change, acquire, release, used } => (word, change, acquire, release, used),
            Op::Lock { word } => (word, super::op::Change::Swap(1), true, false, true),
            op => unreachable!("{op:?} is no read-modify-write"),
        };
        let strong = !self.rules.loads_are_early() || self.rules.has(Fault::ModifyCommitsAtOnce);
        let old = state.latest(word);
        let is_lock = matches!(self.programs.at(node).op, Op::Lock { .. });
        let taken = is_lock && self.programs.values.get(old) != 0;
        if taken || !self.may_modify(state, cpu, word, release || strong) {
            return;
        }
        let mut next = *state;
        next.learn(cpu, word, state.newest(word), acquire);
        let value = self.programs.values.id(change.apply(self.programs.values.get(old)));
        // Whether a lock that is taken is seen to be so, or merely cannot be taken,
        // is the same to everybody.
        if strong || is_lock {
            self.write(&mut next, cpu, word, value);
        } else {
            next.cpus[cpu].window.push(Entry::Exclusive { word, value });
        }
        self.proceed(cpu, node, if used { old } else { 0 }, next);
    }

    fn may_modify(&self, state: &State, cpu: usize, word: WordId, release: bool) -> bool {
        let window = &state.cpus[cpu].window;
        let blocked = |entry: &Entry| match entry {
            Entry::Fence(_) => true,
            Entry::Observe { word: observed, .. } if *observed == word => true,
            entry => entry.writes() == Some(word) || release && entry.is_access(),
        };
        !window.iter().any(blocked) && !state.is_reserved(word, cpu)
    }

    fn fence(&mut self, state: &State, cpu: usize, node: Node, barrier: Barrier) {
        let window = &state.cpus[cpu].window;
        let mut next = *state;
        match barrier {
            Barrier::Full if window.iter().any(|entry| entry.is_access()) => return,
            Barrier::Full => next.catch_up(cpu),
            Barrier::Acquire if window.iter().any(|entry| matches!(entry, Entry::Observe { .. })) => return,
            Barrier::Acquire => next.catch_up(cpu),
            Barrier::Write | Barrier::Release if !self.rules.loads_are_early() => {}
            Barrier::Write | Barrier::Release => {
                next.cpus[cpu].window.push(Entry::Fence(barrier));
                next.settle_fences(cpu);
            }
        }
        self.proceed(cpu, node, 0, next);
    }

    /// Lets something out of the window, whatever may leave.
    pub(crate) fn window(&mut self, state: &State, cpu: usize) {
        (0..state.cpus[cpu].window.len()).for_each(|index| self.entry(state, cpu, index));
    }

    /// Lets the entry at `index` out of the window, if it may leave.
    pub(crate) fn entry(&mut self, state: &State, cpu: usize, index: usize) {
        match state.cpus[cpu].window[index] {
            Entry::Fence(_) => {}
            Entry::Observe { word, register } => self.observe(state, cpu, index, word, register),
            entry if self.may_leave(state, cpu, index) => {
                let next = self.leave(state, cpu, index);
                self.emit(cpu, What::Left(entry), next);
            }
            _ => {}
        }
    }

    /// Whether the entry at `index` may leave the window now.
    pub(crate) fn may_leave(&self, state: &State, cpu: usize, index: usize) -> bool {
        let window = &state.cpus[cpu].window;
        let entry = window[index];
        let before = &window[..index];
        let Some(word) = entry.writes() else {
            return !before.iter().any(|earlier| self.holds_poke(*earlier));
        };
        let held = |earlier: &Entry| match *earlier {
            Entry::Poke(_) => false,
            Entry::Fence(_) => true,
            Entry::Observe { word: observed, .. } => {
                observed == word || entry.releases() || self.rules.memory == Memory::NoLoadBuffering
            }
            store => store.writes() == Some(word) || entry.releases() || self.rules.memory == Memory::Tso,
        };
        !before.iter().any(held) && !state.is_reserved(word, cpu)
    }

    /// Whether a poke may not overtake `earlier`.
    pub(crate) fn holds_poke(&self, earlier: Entry) -> bool {
        match self.rules.pokes {
            PokeOrder::None if self.rules.has(Fault::PokeWaitsForStores) => earlier.writes().is_some(),
            PokeOrder::None => matches!(earlier, Entry::Exclusive { .. }),
            PokeOrder::Full => earlier.writes().is_some(),
        }
    }

    /// The state after the entry at `index` has left the window.
    pub(crate) fn leave(&mut self, state: &State, cpu: usize, index: usize) -> State {
        let mut next = *state;
        match next.cpus[cpu].window.remove(index) {
            Entry::Store { word, value, .. } | Entry::Exclusive { word, value } => {
                self.write(&mut next, cpu, word, value)
            }
            Entry::Posted { word, change, bits, .. } => {
                let change = change.with(self.programs.values.get(bits));
                let value = change.apply(self.programs.values.get(state.latest(word)));
                let value = self.programs.values.id(value);
                self.write(&mut next, cpu, word, value);
            }
            Entry::Poke(target) => {
                let target = &mut next.cpus[usize::from(target)];
                target.pending |= !target.dead;
            }
            Entry::Observe { .. } | Entry::Fence(_) => unreachable!("these do not leave"),
        }
        next.settle_fences(cpu);
        next
    }

    fn write(&mut self, next: &mut State, cpu: usize, word: WordId, value: Answer) {
        if self.programs.values.get(value) < self.programs.values.get(next.latest(word)) {
            self.programs.lowers(word);
        }
        next.write(cpu, word, value);
    }

    /// A load for an observer happens at last, in each way that it can go.
    fn observe(&mut self, state: &State, cpu: usize, index: usize, word: WordId, register: Register) {
        let window = &state.cpus[cpu].window;
        let is_first = !window[..index]
            .iter()
            .any(|entry| matches!(entry, Entry::Observe { word: other, .. } if *other == word));
        if !is_first {
            return;
        }
        readable(state, cpu, word, index, self.rules.loads_are_early()).each(|value, version| {
            let mut next = *state;
            next.learn(cpu, word, version, false);
            next.registers[usize::from(register)] = value;
            next.cpus[cpu].window.remove(index);
            next.settle_fences(cpu);
            self.emit(cpu, What::Observed(word, register, value), next);
        });
    }
}

/// What a load can read.
struct Readable<'a> {
    state: &'a State,
    word: WordId,
    oldest: u8,
    /// Only this: the newest value, or what the CPU itself has yet to write.
    newest: Option<Answer>,
    /// Nothing yet: a posted write of the CPU itself must happen first.
    blocked: bool,
}

/// What a load of `word` by `cpu` can read, whose place in the window is `end`.
fn readable(state: &State, cpu: usize, word: WordId, end: usize, early: bool) -> Readable<'_> {
    let own = state.cpus[cpu].window[..end].iter().rev().find(|entry| entry.writes() == Some(word));
    let oldest = state.cpus[cpu].oldest[usize::from(word)];
    let newest = match own {
        Some(Entry::Store { value, .. } | Entry::Exclusive { value, .. }) => Some(*value),
        None if !early => Some(state.latest(word)),
        _ => None,
    };
    Readable { state, word, oldest, newest, blocked: matches!(own, Some(Entry::Posted { .. })) }
}

impl Readable<'_> {
    fn each(&self, mut body: impl FnMut(Answer, u8)) {
        match self.newest {
            _ if self.blocked => {}
            Some(value) => body(value, self.oldest),
            None => self.state.values_since(self.word, self.oldest, body),
        }
    }

    /// The oldest version whose value is `wanted`.
    fn first(&self, wanted: impl Fn(Answer) -> bool) -> Option<u8> {
        let mut first: Option<u8> = None;
        self.each(|value, version| {
            if wanted(value) {
                first = Some(first.map_or(version, |known| known.min(version)));
            }
        });
        first
    }
}

impl State {
    /// `cpu` has read `version` of `word`.
    fn learn(&mut self, cpu: usize, word: WordId, version: u8, acquire: bool) {
        self.reach(cpu, word, version);
        if acquire {
            self.catch_up_with(cpu, word, version);
        }
    }

    /// Whether a poke of `target` is on its way.
    fn is_poked(&self, target: u8) -> bool {
        let poke = Entry::Poke(target);
        let arrived = self.cpus.get(usize::from(target)).is_some_and(|cpu| cpu.pending);
        arrived || self.cpus.iter().any(|cpu| cpu.window.contains(&poke))
    }

    /// Whether another CPU has read `word` and has yet to write it.
    fn is_reserved(&self, word: WordId, cpu: usize) -> bool {
        let reserves =
            |entry: &Entry| matches!(entry, Entry::Exclusive { word: reserved, .. } if *reserved == word);
        self.cpus.iter().enumerate().any(|(other, state)| other != cpu && state.window.iter().any(reserves))
    }

    /// Removes the fences that nothing waits behind any more.
    pub(crate) fn settle_fences(&mut self, cpu: usize) {
        let window = &mut self.cpus[cpu].window;
        let (mut loads, mut stores) = (false, false);
        let mut index = 0;
        while index < window.len() {
            let entry = window[index];
            let spent = match entry {
                Entry::Fence(Barrier::Write) => !stores,
                Entry::Fence(_) => !stores && !loads,
                _ => false,
            };
            if spent {
                window.remove(index);
                continue;
            }
            loads |= matches!(entry, Entry::Observe { .. });
            stores |= entry.writes().is_some();
            index += 1;
        }
    }
}

/// What `cpu` may still do, apart from what others make it do.
pub(crate) fn own_future(programs: &Programs, state: &State, cpu: usize) -> Future {
    let cpu = &state.cpus[cpu];
    let programs =
        cpu.frames.iter().fold(Future::default(), |future, &node| future.or(programs.future(node)));
    cpu.window.iter().fold(programs, |mut future, entry| {
        match *entry {
            Entry::Observe { word, .. } => future.loads |= bit(word),
            Entry::Store { word, .. } | Entry::Exclusive { word, .. } => future.stores |= bit(word),
            Entry::Posted { word, .. } => future.modifies |= bit(word),
            Entry::Poke(target) => future.pokes |= 1 << target,
            Entry::Fence(_) => {}
        }
        future
    })
}
