//! What is counted while a machine runs.

use std::cell::{Cell, RefCell};

use crate::hardware::Ps;

/// Counters of a machine.
pub(crate) struct Counts {
    steps: Cell<u64>,
    moved: Cell<u64>,
    sent: Cell<u64>,
    taken: Cell<u64>,
    most_undelivered: Cell<u32>,
    lock_wait: Cell<Ps>,
    /// The time that each CPU spent in interrupts.
    interrupted: Box<[Cell<Ps>]>,
    broken: RefCell<Vec<&'static str>>,
}

impl Counts {
    pub(crate) fn new(cpus: usize) -> Self {
        Self {
            steps: Cell::new(0),
            moved: Cell::new(0),
            sent: Cell::new(0),
            taken: Cell::new(0),
            most_undelivered: Cell::new(0),
            lock_wait: Cell::new(0),
            interrupted: vec![Cell::new(0); cpus].into_boxed_slice(),
            broken: RefCell::default(),
        }
    }

    /// Something took virtual time.
    pub(crate) fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// A line moved.
    pub(crate) fn line_moved(&self) {
        self.moved.set(self.moved.get() + 1);
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.get()
    }

    /// An interrupt was sent, and so many are under way to that CPU with it.
    pub(crate) fn sent(&self, undelivered: u32) {
        self.sent.set(self.sent.get() + 1);
        self.most_undelivered.set(self.most_undelivered.get().max(undelivered));
    }

    pub(crate) fn interrupts(&self) -> u64 {
        self.sent.get()
    }

    /// So many interrupts were taken as one.
    pub(crate) fn taken(&self, interrupts: u32) {
        self.taken.set(self.taken.get() + u64::from(interrupts));
    }

    pub(crate) fn most_undelivered(&self) -> u32 {
        self.most_undelivered.get()
    }

    pub(crate) fn interrupted(&self, cpu: usize, time: Ps) {
        self.interrupted[cpu].set(self.interrupted[cpu].get() + time);
    }

    pub(crate) fn all_interrupted(&self) -> Ps {
        self.interrupted.iter().map(Cell::get).sum()
    }

    pub(crate) fn locked(&self, waited: Ps) {
        self.lock_wait.set(self.lock_wait.get() + waited);
    }

    pub(crate) fn lock_wait(&self) -> Ps {
        self.lock_wait.get()
    }

    /// Notes that something did not hold that always must.
    pub(crate) fn check(&self, holds: bool, otherwise: &'static str) {
        if !holds {
            self.broken.borrow_mut().push(otherwise);
        }
    }

    /// What did not hold, and that every interrupt that was sent was taken.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        self.check(self.sent.get() == self.taken.get(), "an interrupt was sent and not taken");
        let mut broken = self.broken.borrow().clone();
        broken.sort_unstable();
        broken.dedup();
        broken
    }
}
