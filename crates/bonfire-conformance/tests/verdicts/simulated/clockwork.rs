//! The clockwork of the simulated machine: CPUs with clocks and store buffers, and
//! threads that are coroutines.
//!
//! Always that CPU goes on whose clock is behind all others, so that what one does
//! at a time is seen by the others at theirs. Nothing hangs on the host but the
//! speed: the same seed gives the same run.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;

use corosensei::{Coroutine, Yielder};

/// How a processor treats what a case does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processor {
    pub(crate) cpus: usize,
    /// How long an ordinary call takes, and `QUERY`.
    pub(crate) call_ns: u64,
    pub(crate) query_ns: u64,
    /// Whether a call waits until its caller's stores are seen.
    pub(crate) call_empties: bool,
    /// How long a store to a line waits that was just thrown out.
    pub(crate) pair_ns: u64,
    /// How long a store to a line waits that was not used for long.
    pub(crate) cold_ns: u64,
    /// Whether code is translated, and of how many translations one is kept for ever.
    pub(crate) emulated: bool,
    pub(crate) keeps_code: Option<u32>,
    /// Of how many loads one returns what was there before, whatever the kernel does.
    pub(crate) lies: Option<u32>,
    /// In how many processes the caches lie at the most.
    pub(crate) lies_in: u64,
    /// Of how many steps one is followed by a pause of three milliseconds.
    pub(crate) loses_cpu: Option<u32>,
    /// Where the CPUs take turns of so long, and behind theirs so many go to others.
    pub(crate) turn_ns: Option<u64>,
    pub(crate) idle_turns: u64,
    /// How many CPUs the machine has, whether they may be used or not.
    pub(crate) cpus_online: usize,
}

impl Processor {
    /// From when on this CPU runs, of those that are not before `clock_ns`.
    fn in_turn(&self, cpu: usize, clock_ns: u64) -> u64 {
        let Some(turn_ns) = self.turn_ns else { return clock_ns };
        let turns = self.cpus as u64 + self.idle_turns;
        let (turn, own) = (clock_ns / turn_ns % turns, cpu as u64);
        let wait = (own + turns - turn) % turns;
        if wait == 0 { clock_ns } else { (clock_ns / turn_ns + wait) * turn_ns }
    }
}

/// A quiet machine whose calls leave their caller's stores queued.
pub(crate) const INTEL: Processor = Processor {
    cpus: 2,
    call_ns: 90,
    query_ns: 130,
    call_empties: false,
    pair_ns: 270,
    cold_ns: 15,
    emulated: false,
    keeps_code: None,
    lies: None,
    lies_in: u64::MAX,
    loses_cpu: None,
    turn_ns: None,
    idle_turns: 0,
    cpus_online: 2,
};

/// A call empties its caller's store buffer.
pub(crate) const AMD: Processor = Processor { call_ns: 150, query_ns: 230, call_empties: true, ..INTEL };

/// Other programs take the CPUs away.
pub(crate) const LOADED: Processor = Processor { loses_cpu: Some(20_000), ..AMD };

/// Lines cannot be thrown out, and calls are slow.
pub(crate) const EMULATOR: Processor = Processor {
    call_ns: 2_300,
    query_ns: 2_700,
    pair_ns: 1,
    cold_ns: 15,
    emulated: true,
    keeps_code: Some(7),
    ..AMD
};

/// Calls are quicker there than stores wait, and all the same it is an emulator.
pub(crate) const QUICK_EMULATOR: Processor = Processor { emulated: true, keeps_code: Some(7), ..AMD };

/// A CPU's side of the clockwork.
#[derive(Default)]
struct Cpu {
    clock_ns: u64,
    /// Which thread runs, and since when.
    current: usize,
    since_ns: u64,
    /// Stores that are not seen yet: where, what, and from when on.
    queued: VecDeque<(usize, u64, u64)>,
}

/// A thread's side of it.
struct Thread {
    cpu: usize,
    /// From when on it can run; never while it waits for its children.
    ready_ns: Option<u64>,
    parent: Option<usize>,
    /// The first thread of its process.
    process: usize,
    children: usize,
    /// Out while it runs; `None` for ever when it has ended.
    coroutine: Option<Coroutine<(), (), ()>>,
}

/// What is thrown through a thread that is to end at once.
pub(crate) struct Killed;

/// The machine's inside.
pub(crate) struct Clockwork {
    pub(crate) processor: Processor,
    cpus: RefCell<Vec<Cpu>>,
    threads: RefCell<Vec<Thread>>,
    /// Those that have not ended.
    alive: RefCell<Vec<usize>>,
    memory: RefCell<HashMap<usize, u64>>,
    random: Cell<u64>,
    now_ns: Cell<u64>,
    killed: Cell<bool>,
    pub(crate) processes: Cell<u64>,
}

/// A time slice, and what it costs to change the thread of a CPU.
const SLICE_NS: u64 = 1_000_000;
const SWITCH_NS: u64 = 1_000;

impl Clockwork {
    pub(crate) fn new(processor: Processor, seed: u64) -> Self {
        Self {
            processor,
            cpus: RefCell::new((0..processor.cpus).map(|_| Cpu::default()).collect()),
            threads: RefCell::default(),
            alive: RefCell::default(),
            memory: RefCell::default(),
            random: Cell::new(seed),
            now_ns: Cell::new(0),
            killed: Cell::new(false),
            processes: Cell::new(0),
        }
    }

    /// A random number below `bound`.
    pub(crate) fn below(&self, bound: u32) -> u32 {
        let next =
            self.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random.set(next);
        (next >> 33) as u32 % bound
    }

    /// Once in so many times.
    pub(crate) fn once_in(&self, times: Option<u32>) -> bool {
        times.is_some_and(|times| self.below(times) == 0)
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// Adds a thread that begins now, on the CPU of its parent, and returns its number.
    pub(crate) fn spawn(
        &self,
        parent: Option<usize>,
        is_thread: bool,
        body: impl FnOnce(&Yielder<(), ()>, usize) + 'static,
    ) -> usize {
        let mut threads = self.threads.borrow_mut();
        let number = threads.len();
        let coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| body(yielder, number));
        let process = parent.filter(|_| is_thread).map_or(number, |parent| threads[parent].process);
        let cpu = parent.map_or(0, |parent| threads[parent].cpu);
        if let Some(parent) = parent {
            threads[parent].children += 1;
        }
        let ready_ns = Some(self.now_ns() + SWITCH_NS);
        self.alive.borrow_mut().push(number);
        threads.push(Thread { cpu, ready_ns, parent, process, children: 0, coroutine: Some(coroutine) });
        number
    }

    /// Runs all threads to their end; those that are left at `end_ns` are killed.
    /// Whether none was.
    pub(crate) fn run(&self, end_ns: u64) -> bool {
        while let Some((cpu, thread, start_ns)) = self.next() {
            if start_ns >= end_ns {
                self.killed.set(true);
            }
            self.switch(cpu, thread, start_ns);
            self.resume(thread);
        }
        self.threads.borrow_mut().clear();
        !self.killed.replace(false)
    }

    /// The CPU that is to go on, with which thread, and when.
    fn next(&self) -> Option<(usize, usize, u64)> {
        let (cpus, threads) = (self.cpus.borrow(), self.threads.borrow());
        let alive = self.alive.borrow();
        let choices = (0..cpus.len()).filter_map(|cpu| {
            let (cpu, thread, start_ns) = candidate(&cpus, &threads, &alive, cpu)?;
            Some((cpu, thread, self.processor.in_turn(cpu, start_ns)))
        });
        choices.min_by_key(|&(_, _, start_ns)| start_ns)
    }

    /// Makes `thread` the current one of `cpu`. A switch is a full barrier.
    fn switch(&self, cpu: usize, thread: usize, start_ns: u64) {
        let changes = self.cpus.borrow()[cpu].current != thread;
        if changes {
            self.drain(cpu);
        }
        let cpu = &mut self.cpus.borrow_mut()[cpu];
        cpu.clock_ns = cpu.clock_ns.max(start_ns);
        if changes {
            (cpu.current, cpu.since_ns) = (thread, cpu.clock_ns);
            cpu.clock_ns += SWITCH_NS;
        }
        self.now_ns.set(cpu.clock_ns.max(self.now_ns()));
    }

    fn resume(&self, thread: usize) {
        let mut coroutine =
            self.threads.borrow_mut()[thread].coroutine.take().expect("a thread that can run");
        let ended = matches!(coroutine.resume(()), corosensei::CoroutineResult::Return(()));
        if !ended {
            self.threads.borrow_mut()[thread].coroutine = Some(coroutine);
            return;
        }
        self.drain(self.cpu(thread));
        self.vacate(thread);
        let now_ns = self.clock_ns(thread);
        let threads = &mut self.threads.borrow_mut();
        self.alive.borrow_mut().retain(|&number| number != thread);
        if let Some(parent) = threads[thread].parent {
            threads[parent].children -= 1;
            if threads[parent].children == 0 {
                threads[parent].ready_ns = Some(now_ns);
            }
        }
    }

    /// Time passes for a thread; then others may run that are behind.
    pub(crate) fn step(&self, thread: usize, cost_ns: u64, yielder: &Yielder<(), ()>) {
        let stolen_ns = if self.once_in(self.processor.loses_cpu) { 3_000_000 } else { 0 };
        let cpu = self.cpu(thread);
        let ends_ns = self.clock_ns(thread) + cost_ns + stolen_ns;
        self.cpus.borrow_mut()[cpu].clock_ns = self.processor.in_turn(cpu, ends_ns);
        let goes_on = self.next().is_some_and(|(_, next, _)| next == thread);
        if !goes_on {
            yielder.suspend(());
        }
        self.now_ns.set(self.clock_ns(thread).max(self.now_ns()));
        self.end_if_killed();
    }

    /// The thread leaves its CPU for so long.
    pub(crate) fn sleep(&self, thread: usize, time_ns: u64, yielder: &Yielder<(), ()>) {
        let wakes_ns = self.clock_ns(thread) + time_ns;
        self.threads.borrow_mut()[thread].ready_ns = Some(wakes_ns);
        self.leave(thread, yielder);
    }

    /// The thread waits for its children.
    pub(crate) fn join(&self, thread: usize, yielder: &Yielder<(), ()>) {
        if self.threads.borrow()[thread].children > 0 {
            self.threads.borrow_mut()[thread].ready_ns = None;
            self.leave(thread, yielder);
        }
    }

    /// The thread goes on on another CPU.
    pub(crate) fn place(&self, thread: usize, cpu: usize, yielder: &Yielder<(), ()>) {
        if self.cpu(thread) != cpu {
            self.drain(self.cpu(thread));
            self.threads.borrow_mut()[thread].cpu = cpu;
            self.sleep_from(thread, self.now_ns() + SWITCH_NS, yielder);
        }
    }

    fn sleep_from(&self, thread: usize, wakes_ns: u64, yielder: &Yielder<(), ()>) {
        self.threads.borrow_mut()[thread].ready_ns = Some(wakes_ns);
        self.leave(thread, yielder);
    }

    /// No CPU runs this thread.
    fn vacate(&self, thread: usize) {
        for cpu in self.cpus.borrow_mut().iter_mut().filter(|cpu| cpu.current == thread) {
            cpu.current = usize::MAX;
        }
    }

    fn leave(&self, thread: usize, yielder: &Yielder<(), ()>) {
        self.vacate(thread);
        yielder.suspend(());
        self.end_if_killed();
    }

    fn end_if_killed(&self) {
        if self.killed.get() && !std::thread::panicking() {
            resume_unwind(Box::new(Killed));
        }
    }

    fn cpu(&self, thread: usize) -> usize {
        self.threads.borrow()[thread].cpu
    }

    fn clock_ns(&self, thread: usize) -> u64 {
        self.cpus.borrow()[self.cpu(thread)].clock_ns
    }
}

/// What `cpu` would do next: its thread goes on until its slice is over and another
/// is ready.
fn candidate(cpus: &[Cpu], threads: &[Thread], alive: &[usize], cpu: usize) -> Option<(usize, usize, u64)> {
    let own = &cpus[cpu];
    let here = alive.iter().filter(|&&number| threads[number].cpu == cpu);
    let ready = here.filter_map(|&number| Some((number, threads[number].ready_ns?.max(own.clock_ns))));
    let tired = own.clock_ns > own.since_ns + SLICE_NS;
    let rank = |&(number, start_ns): &(usize, u64)| {
        let goes_on = number == own.current && !tired;
        (if goes_on { own.clock_ns } else { start_ns }, number == own.current && tired, !goes_on)
    };
    ready.min_by_key(rank).map(|(number, start_ns)| (cpu, number, start_ns))
}

/// Memory.
impl Clockwork {
    /// What a thread reads: its CPU's newest store, or what is seen by all.
    pub(crate) fn load(&self, thread: usize, word: usize) -> u64 {
        let (cpu, now_ns) = (self.cpu(thread), self.clock_ns(thread));
        self.publish(now_ns);
        let cpus = self.cpus.borrow();
        let own = cpus[cpu].queued.iter().rev().find(|store| store.0 == word).map(|store| store.1);
        own.or_else(|| self.memory.borrow().get(&word).copied()).unwrap_or(0)
    }

    /// A store, seen when it and all before it have taken their time.
    pub(crate) fn store(&self, thread: usize, word: Option<usize>, value: u64, takes_ns: u64) {
        let cpu = &mut self.cpus.borrow_mut()[self.cpu(thread)];
        let begins_ns = cpu.queued.back().map_or(cpu.clock_ns, |last| last.2.max(cpu.clock_ns));
        cpu.queued.push_back((word.unwrap_or(usize::MAX), value, begins_ns + takes_ns));
    }

    /// Waits until all that a thread's CPU has stored is seen.
    pub(crate) fn fence(&self, thread: usize, yielder: &Yielder<(), ()>) {
        let now_ns = self.clock_ns(thread);
        let last_ns = self.cpus.borrow()[self.cpu(thread)].queued.back().map_or(now_ns, |last| last.2);
        self.step(thread, last_ns.saturating_sub(now_ns), yielder);
        self.publish(self.clock_ns(thread));
    }

    /// A barrier on every CPU.
    pub(crate) fn fence_all(&self) {
        (0..self.processor.cpus).for_each(|cpu| self.drain(cpu));
    }

    /// A barrier on the CPUs that run a thread of the same process.
    pub(crate) fn fence_process_of(&self, thread: usize) {
        let process = |thread: usize| self.threads.borrow().get(thread).map(|thread| thread.process);
        let runs_it = |&cpu: &usize| process(self.cpus.borrow()[cpu].current) == process(thread);
        (0..self.processor.cpus).filter(runs_it).for_each(|cpu| self.drain(cpu));
    }

    /// On how many other CPUs a thread runs: of the same process, or any.
    pub(crate) fn runs_elsewhere(&self, thread: usize, of_process: bool) -> u64 {
        let (cpus, threads, own) = (self.cpus.borrow(), self.threads.borrow(), self.cpu(thread));
        let is_meant = |cpu: &Cpu| {
            let current = threads.get(cpu.current);
            current.is_some_and(|other| !of_process || other.process == threads[thread].process)
        };
        cpus.iter().enumerate().filter(|&(number, cpu)| number != own && is_meant(cpu)).count() as u64
    }

    fn drain(&self, cpu: usize) {
        let queued: Vec<_> = self.cpus.borrow_mut()[cpu].queued.drain(..).collect();
        self.memory.borrow_mut().extend(queued.into_iter().map(|(word, value, _)| (word, value)));
    }

    /// Lets all see what has taken its time by now.
    fn publish(&self, now_ns: u64) {
        let mut due: Vec<(usize, u64, u64)> = Vec::new();
        for cpu in self.cpus.borrow_mut().iter_mut() {
            while cpu.queued.front().is_some_and(|store| store.2 <= now_ns) {
                due.extend(cpu.queued.pop_front());
            }
        }
        due.sort_by_key(|store| store.2);
        self.memory.borrow_mut().extend(due.into_iter().map(|(word, value, _)| (word, value)));
    }
}
