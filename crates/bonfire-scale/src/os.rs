//! The kernel of this machine: a run queue for each CPU, threads that do what
//! the workload says, and whoever makes the barriers.
//!
//! [`Kernel::cpu`] is what a CPU does: it picks a thread, switches to it, and lets
//! it have its turn. Calls are not pre-empted, but for those that wait for a mutex;
//! user code is interrupted at any time, and pre-empted at the end of a slice if
//! others wait for the CPU.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use crate::barriers::{Ask, Barriers, Occupied, Who};
use crate::clock::{Clock, Kernel};
use crate::hardware::{NS, Ps, SECOND};
use crate::lock::Lock;
use crate::measure::Measure;
use crate::trace::What;
use crate::workload::{Does, Role, ps};

/// How long a thread may run while others wait.
const SLICE: Ps = 1_000_000 * NS;
/// How long somebody who just computes does so before it looks whether it is
/// over, alone on its CPU and with others.
const STRETCHES: [Ps; 2] = [2_000_000 * NS, SLICE / 4];

/// The kernel.
pub(crate) struct Os {
    pub(crate) clock: Rc<Clock>,
    barriers: Box<dyn Barriers>,
    run_queues: Rc<[Lock]>,
    pub(crate) measure: Rc<Measure>,
    cpus: Box<[CpuState]>,
    tasks: Vec<Task>,
    limits: Limits,
    /// The processes whose first thread has begun.
    begun: RefCell<BTreeSet<usize>>,
    /// When it was first seen to be over.
    ended: Cell<Option<Ps>>,
    /// Nothing is left to do, not even to answer.
    finished: Cell<bool>,
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) time: Ps,
    pub(crate) calls: u64,
    pub(crate) steps: u64,
}

/// A thread that runs.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) who: Who,
    pub(crate) does: Does,
    pub(crate) role: Role,
    pub(crate) registered: bool,
    /// The first thread of its process, which registers before the others run.
    pub(crate) first: bool,
    /// Where it runs first.
    pub(crate) home: usize,
    /// The CPUs on which its process has threads.
    pub(crate) others: Rc<[usize]>,
}

/// What the kernel keeps of a CPU.
struct CpuState {
    ready: RefCell<VecDeque<usize>>,
    occupied: Cell<Occupied>,
    registered: Cell<bool>,
    /// When its thread is to leave it to others, if any wait.
    slice_ends: Cell<Ps>,
    /// Whether its thread waits in a call, and another has it meanwhile.
    lent: Cell<bool>,
    random: RefCell<fastrand::Rng>,
    next_kernel_thread: Cell<Ps>,
    next_off: Cell<Ps>,
    /// Since when a bystander computes without having been interrupted.
    computing: Cell<Option<Ps>>,
}

/// Why a thread leaves its CPU.
enum Leaves {
    /// For others.
    Again,
    /// For another CPU.
    Moves(usize),
    /// It is over.
    Done,
}

impl Os {
    pub(crate) fn new(
        clock: Rc<Clock>,
        barriers: Box<dyn Barriers>,
        run_queues: Rc<[Lock]>,
        tasks: Vec<Task>,
        limits: Limits,
        measure: Rc<Measure>,
        seed: u64,
    ) -> Self {
        let cpus =
            (0..clock.hardware.cpus).map(|cpu| CpuState::new(&clock, seed, cpu)).collect::<Box<[CpuState]>>();
        // Whoever is first in its process makes the others ready.
        for (number, task) in tasks.iter().enumerate().filter(|(_, task)| task.first) {
            cpus[task.home].ready.borrow_mut().push_back(number);
        }
        let (begun, ended, finished) = (RefCell::default(), Cell::new(None), Cell::new(false));
        Self { clock, barriers, run_queues, measure, cpus, tasks, limits, begun, ended, finished }
    }

    /// Lets the thread of this number have its turn.
    fn runs(&self, cpu: usize, number: usize) {
        let task = &self.tasks[number];
        self.switch(cpu, Occupied::By(task.who), task.registered);
        match self.turn(cpu, task) {
            Leaves::Again => self.cpus[cpu].ready.borrow_mut().push_back(number),
            Leaves::Moves(to) => self.moves(cpu, number, to),
            Leaves::Done => {}
        }
    }

    /// Everybody waits, and nothing will happen any more: lets the CPUs go.
    pub(crate) fn finish(&self) {
        self.finished.set(true);
        let end = self.clock.end();
        for cpu in 0..self.cpus.len() {
            self.clock.wake_parked(cpu, end);
        }
    }

    /// When it was over.
    pub(crate) fn ended(&self) -> Ps {
        self.ended.get().unwrap_or_else(|| self.clock.end())
    }

    /// The place in the queue of a thread that can have the CPU of one that waits in a
    /// call: none that calls, or waits could stand on each other.
    fn borrower(&self, cpu: usize) -> Option<usize> {
        let ready = self.cpus[cpu].ready.borrow();
        ready.iter().position(|&number| !self.tasks[number].does.is_call())
    }

    fn pick(&self, cpu: usize) -> Option<usize> {
        self.cpus[cpu].ready.borrow_mut().pop_front()
    }

    fn idle(&self, cpu: usize) {
        self.switch(cpu, self.nobody(cpu), false);
        if self.cpus[cpu].ready.borrow().is_empty() && !self.finished.get() {
            self.clock.wait(None);
            self.clock.take_interrupts();
        }
    }

    /// What occupies a CPU when its thread has left.
    fn nobody(&self, cpu: usize) -> Occupied {
        match self.cpus[cpu].occupied.get() {
            Occupied::By(who) if self.clock.hardware.lazy => Occupied::Lazily(who.process),
            Occupied::By(_) => Occupied::Idle,
            already => already,
        }
    }

    /// Switches a CPU to somebody else, under the lock of its run queue.
    fn switch(&self, cpu: usize, to: Occupied, registered: bool) {
        let state = &self.cpus[cpu];
        let from = state.occupied.get();
        if from == to {
            return;
        }
        self.clock.without_interrupts(|| {
            self.run_queues[cpu].with(|| {
                self.clock.drain();
                let began = self.clock.now();
                self.barriers.switch(cpu, from, to);
                self.clock.drain();
                self.measure.switch(registered || state.registered.get(), self.clock.now() - began);
                self.clock.spend(self.clock.hardware.system.switch);
                state.occupied.set(to);
                state.registered.set(registered);
            });
        });
    }

    /// A thread has left this CPU, or will with the next switch: it goes to
    /// another when that is done.
    fn moves(&self, cpu: usize, number: usize, to: usize) {
        self.idle_for_others(cpu);
        self.clock.without_interrupts(|| {
            self.run_queues[to].with(|| self.cpus[to].ready.borrow_mut().push_back(number));
        });
        self.clock.wake_parked(to, self.clock.now() + self.clock.hardware.interrupt.deliver[0]);
    }

    /// Switches to whoever is next, or to nobody.
    fn idle_for_others(&self, cpu: usize) {
        let next = self.cpus[cpu].ready.borrow().front().map(|&number| &self.tasks[number]);
        match next {
            Some(task) => self.switch(cpu, Occupied::By(task.who), task.registered),
            None => self.switch(cpu, self.nobody(cpu), false),
        }
    }

    /// Lets a thread do what it does until it leaves the CPU.
    fn turn(&self, cpu: usize, task: &Task) -> Leaves {
        if task.first && self.begins(task) {
            return Leaves::Again;
        }
        let state = &self.cpus[cpu];
        state.slice_ends.set(self.clock.now() + SLICE);
        loop {
            if self.is_over() {
                return Leaves::Done;
            }
            if let Some(leaves) = self.does(cpu, task) {
                return leaves;
            }
            let is_lent = state.lent.get();
            let over = self.clock.now() >= state.slice_ends.get();
            if is_lent && (over || self.clock.is_recalled()) || over && !state.ready.borrow().is_empty() {
                return Leaves::Again;
            }
        }
    }

    /// The first turn of the first thread of a process: it registers while it is
    /// alone, and then the others are made ready.
    fn begins(&self, task: &Task) -> bool {
        let others = self
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, other)| other.who.process == task.who.process && !other.first);
        if !self.begun.borrow_mut().insert(task.who.process) {
            return false;
        }
        if task.registered {
            self.barriers.register(task.who, true);
        }
        let ready = others.map(|(number, other)| (number, other.home)).collect::<Vec<_>>();
        for (number, home) in ready {
            self.cpus[home].ready.borrow_mut().push_back(number);
            self.clock.wake_parked(home, self.clock.now());
        }
        true
    }

    /// Does it once.
    fn does(&self, cpu: usize, task: &Task) -> Option<Leaves> {
        match task.does {
            Does::Compute {} => {
                let state = &self.cpus[cpu];
                let shares = state.lent.get() || !state.ready.borrow().is_empty();
                self.user(cpu, task, STRETCHES[usize::from(shares)]);
            }
            Does::Call { think_us } => {
                self.user(cpu, task, ps(think_us));
                self.call(cpu, task, Ask::Process);
            }
            Does::Target { think_us } => {
                self.user(cpu, task, ps(think_us));
                let target = self.cpus[cpu].random.borrow_mut().usize(0..task.others.len());
                self.call(cpu, task, Ask::Cpu(task.others[target]));
            }
            Does::Switch { every_us } => {
                self.user(cpu, task, ps(every_us));
                return Some(Leaves::Again);
            }
            Does::Migrate { every_us } => {
                self.user(cpu, task, ps(every_us));
                let to = self.cpus[cpu].random.borrow_mut().usize(0..self.cpus.len());
                return Some(if to == cpu { Leaves::Again } else { Leaves::Moves(to) });
            }
            Does::Throttle { every_us, off_us } => {
                self.user(cpu, task, ps(every_us));
                self.off(cpu, ps(off_us));
            }
            Does::Start { every_us } => {
                self.start(cpu, task);
                self.user(cpu, task, ps(every_us));
            }
        }
        None
    }

    fn call(&self, cpu: usize, task: &Task, ask: Ask) {
        self.timed(cpu, || self.barriers.call(task.who, ask));
    }

    /// The process of this thread is replaced by a new one, which registers.
    fn start(&self, cpu: usize, task: &Task) {
        self.switch(cpu, Occupied::Idle, false);
        self.barriers.new_process(task.who.process);
        self.switch(cpu, Occupied::By(task.who), true);
        self.timed(cpu, || self.barriers.register(task.who, false));
    }

    /// A system call, measured.
    fn timed(&self, cpu: usize, body: impl FnOnce()) {
        let began = self.clock.now();
        self.clock.spend(self.clock.hardware.system.call);
        body();
        self.clock.drain();
        let ended = self.clock.now();
        self.measure.call(ended, ended - began);
        self.clock.note(began, cpu, What::Calls { until: ended });
    }

    /// User code runs for `time`, however often it is interrupted.
    fn user(&self, cpu: usize, task: &Task, time: Ps) {
        let state = &self.cpus[cpu];
        let mut left = time;
        while left > 0 {
            let began = self.clock.now();
            let until =
                (began + left).min(state.next_kernel_thread.get()).min(state.next_off.get()).max(began);
            if task.role == Role::Bystander {
                state.computing.set(Some(began));
            }
            self.clock.wait(Some(until));
            left -= (self.clock.now() - began).min(left);
            self.computed(state);
            self.clock.take_interrupts();
            self.noise(cpu);
            if state.lent.get() && self.clock.is_recalled() {
                break;
            }
        }
    }

    /// A bystander has computed since it last began to, if it has not been
    /// counted: what comes after the end is not.
    fn computed(&self, state: &CpuState) {
        if let Some(began) = state.computing.take()
            && self.ended.get().is_none()
        {
            self.measure.bystander(began, self.clock.now());
        }
    }

    /// What a kernel does now and then, if it is time for it: it runs a thread of
    /// its own for a moment, or keeps interrupts off.
    fn noise(&self, cpu: usize) {
        let state = &self.cpus[cpu];
        if self.clock.now() >= state.next_kernel_thread.get() {
            let (occupied, registered) = (state.occupied.get(), state.registered.get());
            self.switch(cpu, self.nobody(cpu), false);
            self.switch(cpu, occupied, registered);
            let rate = self.clock.hardware.system.switches;
            state.next_kernel_thread.set(self.clock.now() + state.in_a_while(rate));
        }
        if self.clock.now() >= state.next_off.get() {
            let Some(off) = self.clock.hardware.off else { return state.next_off.set(Ps::MAX) };
            self.off(cpu, state.log_normal(off.median, off.p99));
            state.next_off.set(self.clock.now() + state.in_a_while(off.rate));
        }
    }

    fn off(&self, cpu: usize, time: Ps) {
        let began = self.clock.now();
        self.clock.without_interrupts(|| self.clock.spend(time));
        self.clock.note(began, cpu, What::Off { until: began + time });
    }

    fn is_over(&self) -> bool {
        if self.ended.get().is_some() {
            return true;
        }
        let Limits { time, calls, steps } = self.limits;
        let now = self.clock.now();
        let over = now >= time || self.measure.calls() >= calls || self.clock.counts.steps() >= steps;
        if over {
            self.ends(now);
        }
        over
    }
}

impl Kernel for Os {
    fn cpu(&self, cpu: usize) {
        self.barriers.online(cpu);
        while !self.finished.get() {
            match self.pick(cpu) {
                Some(number) => self.runs(cpu, number),
                None => self.idle(cpu),
            }
        }
    }

    fn interrupt(&self, cpu: usize) {
        self.barriers.interrupt(cpu);
    }

    fn slice_ends(&self, cpu: usize) -> Option<Ps> {
        self.borrower(cpu).map(|_| self.cpus[cpu].slice_ends.get())
    }

    fn lend(&self, cpu: usize) {
        let state = &self.cpus[cpu];
        let number = self.borrower(cpu).and_then(|place| state.ready.borrow_mut().remove(place));
        let Some(number) = number else { return };
        let (occupied, registered) = (state.occupied.get(), state.registered.get());
        state.lent.set(true);
        self.runs(cpu, number);
        state.lent.set(false);
        self.switch(cpu, occupied, registered);
        state.slice_ends.set(self.clock.now() + SLICE);
    }
}

impl Os {
    /// It is over: bystanders have computed until now.
    fn ends(&self, now: Ps) {
        for began in self.cpus.iter().filter_map(|state| state.computing.take()) {
            self.measure.bystander(began, now);
        }
        self.ended.set(Some(now));
    }
}

impl CpuState {
    fn new(clock: &Clock, seed: u64, cpu: usize) -> Self {
        let state = Self {
            ready: RefCell::default(),
            occupied: Cell::new(Occupied::Idle),
            registered: Cell::new(false),
            slice_ends: Cell::new(0),
            lent: Cell::new(false),
            random: RefCell::new(fastrand::Rng::with_seed(
                seed.wrapping_mul(0x9e37_79b9).wrapping_add(cpu as u64),
            )),
            next_kernel_thread: Cell::new(0),
            next_off: Cell::new(0),
            computing: Cell::new(None),
        };
        state.next_kernel_thread.set(state.in_a_while(clock.hardware.system.switches));
        state.next_off.set(state.in_a_while(clock.hardware.off.map_or(0.0, |off| off.rate)));
        state
    }

    /// A time that is exponentially distributed around that of so many a second.
    fn in_a_while(&self, rate: f64) -> Ps {
        if rate <= 0.0 {
            return Ps::MAX / 4;
        }
        let chance = 1.0 - self.random.borrow_mut().f64();
        // CAST: positive, and at most some 40 means.
        (-chance.ln() / rate * SECOND as f64) as Ps
    }

    /// A length whose logarithm is normally distributed.
    fn log_normal(&self, median: Ps, p99: Ps) -> Ps {
        const P99: f64 = 2.326;
        let mut random = self.random.borrow_mut();
        let (one, other) = (1.0 - random.f64(), random.f64());
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        let sigma = (p99 as f64 / median as f64).ln() / P99;
        // CAST: positive; a tail beyond 10 ms is cut.
        ((median as f64 * (sigma * normal).exp()) as Ps).min(10_000_000 * NS)
    }
}
