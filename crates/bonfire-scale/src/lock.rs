//! Locks: a CPU that waits spins, and CPUs get the lock in the order of coming.
//!
//! A waiter for a [mutex](Lock::mutex) spins as well, as Linux's waiters do, until
//! others want the CPU and its slice is over: then it waits off its CPU, and those that
//! spin go first.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_engine::Word as _;

use crate::clock::clock;
use crate::hardware::Ps;
use crate::trace::What;
use crate::word::Alone;

/// A lock.
pub(crate) struct Lock {
    /// Stands for the cost of the lock's line; who holds it is in `held`.
    word: Alone,
    sleeps: bool,
    held: Cell<bool>,
    waiting: RefCell<VecDeque<Waiter>>,
    /// How many have waited.
    tickets: Cell<u64>,
    /// Which waiter was handed the lock, and from when on it has it.
    handed: Cell<Option<(u64, Ps)>>,
}

/// A thread that waits.
struct Waiter {
    ticket: u64,
    cpu: usize,
    asleep: bool,
}

impl Lock {
    /// One whose waiters keep their CPUs.
    pub(crate) const fn new() -> Self {
        Self::of(false)
    }

    /// One whose waiters leave their CPUs to others.
    pub(crate) const fn mutex() -> Self {
        Self::of(true)
    }

    const fn of(sleeps: bool) -> Self {
        Self {
            word: Alone(crate::word::Word::ZERO),
            sleeps,
            tickets: Cell::new(0),
            held: Cell::new(false),
            waiting: RefCell::new(VecDeque::new()),
            handed: Cell::new(None),
        }
    }

    /// Calls `body` with the lock held. Interrupts stay as they are: a CPU that waits
    /// with interrupts on takes them.
    pub(crate) fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        self.lock();
        let result = body();
        self.unlock();
        result
    }

    fn lock(&self) {
        let clock = clock();
        let began = clock.now();
        self.word.0.swap(1, Relaxed);
        if self.held.replace(true) {
            let ticket = self.tickets.get() + 1;
            self.tickets.set(ticket);
            self.waiting.borrow_mut().push_back(Waiter { ticket, cpu: clock.here(), asleep: false });
            self.wait_for_turn(ticket);
        }
        let waited = clock.now() - began;
        clock.counts.locked(waited);
        clock.note(began, clock.here(), What::Locks { until: began + waited });
    }

    fn wait_for_turn(&self, ticket: u64) {
        let clock = clock();
        loop {
            if let Some((_, from)) = self.handed.get().filter(|(handed, _)| *handed == ticket) {
                self.handed.set(None);
                return clock.until(from.max(clock.now()));
            }
            match clock.slice_ends().filter(|_| self.sleeps) {
                Some(end) if end <= clock.now() => {
                    self.set_asleep(ticket, true);
                    clock.lend();
                    self.set_asleep(ticket, false);
                }
                end => clock.wait(end),
            }
            clock.take_interrupts();
        }
    }

    fn set_asleep(&self, ticket: u64, asleep: bool) {
        let mut waiting = self.waiting.borrow_mut();
        // It may have been handed the lock meanwhile.
        waiting.iter_mut().filter(|waiter| waiter.ticket == ticket).for_each(|waiter| waiter.asleep = asleep);
    }

    fn unlock(&self) {
        let clock = clock();
        self.word.0.store(0, Relaxed);
        let Some(next) = self.next() else { return self.held.set(false) };
        let costs = &clock.hardware;
        let from = clock.now() + costs.line.from[costs.distance(clock.here(), next.cpu)] + costs.hand_over;
        self.handed.set(Some((next.ticket, from)));
        clock.counts.line_moved();
        if next.asleep { clock.recall(next.cpu, from) } else { clock.wake_parked(next.cpu, from) }
    }

    /// The first that spins, or else the first.
    fn next(&self) -> Option<Waiter> {
        let mut waiting = self.waiting.borrow_mut();
        let first = waiting.iter().position(|waiter| !waiter.asleep).unwrap_or(0);
        waiting.remove(first)
    }
}
