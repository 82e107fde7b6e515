//! What the engine is compared with: Linux's expedited membarrier as it was and
//! is, told from its description in our own words. No part of the product.
//!
//! | name | scan and cross-call are serialised by | since |
//! |------|----------------------------------------|-------|
//! | `linux-2017` | nothing | 4.14 |
//! | `linux-2024` | one mutex for the system, around both (CVE-2024-26602) | 6.8 |
//! | `linux-rfc` | the cross-call itself, one at a time; the scan is free. An RFC of March 2024, never merged | – |
//! | `linux-2026` | as 2024, but calls to one CPU take a mutex of that CPU | 7.2 |
//!
//! A call looks at what each CPU runs and at the memory of that task, enqueues a
//! request at each target, sends an interrupt where the queue was empty, and
//! waits for every answer. Who waits for a mutex spins while its slice lasts, as in
//! Linux while the owner runs, and then leaves its CPU to others.

mod cross_call;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_engine::Word as _;

use crate::barriers::{Ask, Barriers, Occupied, Who, put};
use crate::clock::Clock;
use crate::lock::Lock;
use crate::machine::fence;
use crate::word::{Alone, Word};
use cross_call::CrossCall;

/// What serialises calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serialised {
    /// Nothing: 2017.
    No,
    /// A mutex around the whole: 2024.
    Whole,
    /// A lock around the cross-call: the RFC.
    CrossCall,
    /// As `Whole`, but a mutex for each CPU where one is named: 2026.
    Targeted,
}

/// The comparator.
pub(crate) struct Linux {
    serialised: Serialised,
    clock: Rc<Clock>,
    /// For each CPU, the thread that it runs and 1, or 0.
    current: Box<[Alone]>,
    /// For each thread, its process and 1: a field of its task.
    memory: RefCell<Vec<Rc<Alone>>>,
    cross_call: CrossCall,
    one: Lock,
    per_cpu: Box<[Lock]>,
}

impl Linux {
    pub(crate) fn boxed(serialised: Serialised, clock: &Rc<Clock>) -> Box<dyn Barriers> {
        let cpus = clock.hardware.cpus;
        Box::new(Self {
            serialised,
            clock: Rc::clone(clock),
            current: (0..cpus).map(|_| Alone(Word::ZERO)).collect(),
            memory: RefCell::default(),
            cross_call: CrossCall::new(Rc::clone(clock)),
            // The RFC's lock is held with pre-emption off.
            one: if serialised == Serialised::CrossCall { Lock::new() } else { Lock::mutex() },
            per_cpu: (0..cpus).map(|_| Lock::mutex()).collect(),
        })
    }

    /// Calls `body` with the mutex that a call takes, if it takes one.
    fn in_turn(&self, target: Option<usize>, body: impl FnOnce()) {
        let own = target.and_then(|cpu| self.per_cpu.get(cpu));
        match (self.serialised, own) {
            (Serialised::No | Serialised::CrossCall, _) => body(),
            (Serialised::Targeted, Some(own)) => own.with(body),
            (Serialised::Whole | Serialised::Targeted, _) => self.one.with(body),
        }
    }

    /// Looks at every CPU, and asks those that run the process.
    fn broadcast(&self, process: usize) {
        let here = self.clock.here();
        let targets = (0..self.current.len()).filter(|&cpu| self.runs(cpu, process) && cpu != here);
        self.cross(&targets.collect::<Vec<_>>());
    }

    fn targeted(&self, process: usize, cpu: usize) {
        if cpu != self.clock.here() && cpu < self.current.len() && self.runs(cpu, process) {
            self.cross(&[cpu]);
        }
    }

    fn cross(&self, targets: &[usize]) {
        match self.serialised {
            Serialised::CrossCall => self.one.with(|| self.cross_call.call(targets)),
            Serialised::No | Serialised::Whole | Serialised::Targeted => self.cross_call.call(targets),
        }
    }

    /// Whether `cpu` runs a thread of `process`: its run queue is read, and then
    /// the task that is found there.
    fn runs(&self, cpu: usize, process: usize) -> bool {
        let Some(thread) = (self.current[cpu].0.load(Relaxed) as usize).checked_sub(1) else { return false };
        let task = Rc::clone(&self.memory.borrow()[thread]);
        task.0.load(Relaxed) as usize == process + 1
    }
}

impl Barriers for Linux {
    fn new_process(&self, _: usize) {}

    fn new_thread(&self, who: Who, _: usize) {
        let task = Rc::new(Alone(Word::of(who.process as u64 + 1)));
        put(&mut self.memory.borrow_mut(), who.thread, task);
    }

    fn online(&self, _: usize) {}

    /// A grace period, unless the process has one thread; then a cross-call.
    fn register(&self, who: Who, alone: bool) {
        for _flavour in 0..2 {
            if alone {
                fence();
                continue;
            }
            let end = self.clock.now() + self.clock.hardware.system.grace;
            while self.clock.now() < end {
                self.clock.wait(Some(end));
                self.clock.take_interrupts();
            }
            self.in_turn(None, || self.broadcast(who.process));
        }
    }

    fn call(&self, who: Who, ask: Ask) {
        fence();
        match ask {
            Ask::Process => self.in_turn(None, || self.broadcast(who.process)),
            Ask::Cpu(cpu) => self.in_turn(Some(cpu), || self.targeted(who.process, cpu)),
        }
        fence();
    }

    /// One store. Its barriers come with the lock of the run queue and with the
    /// change of page tables.
    fn switch(&self, cpu: usize, _: Occupied, to: Occupied) {
        let thread = if let Occupied::By(who) = to { who.thread as u64 + 1 } else { 0 };
        self.current[cpu].0.store(thread, Relaxed);
    }

    fn interrupt(&self, cpu: usize) {
        self.cross_call.serve(cpu);
    }
}
