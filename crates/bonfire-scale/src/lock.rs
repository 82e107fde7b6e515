//! Locks: whoever waits spins, and gets the lock in the order of coming.

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
    held: Cell<bool>,
    waiting: RefCell<VecDeque<usize>>,
    /// Who was handed the lock, and from when on it has it.
    handed: Cell<Option<(usize, Ps)>>,
}

impl Lock {
    pub(crate) const fn new() -> Self {
        Self {
            word: Alone(crate::word::Word::ZERO),
            held: Cell::new(false),
            waiting: RefCell::new(VecDeque::new()),
            handed: Cell::new(None),
        }
    }

    /// Calls `body` with the lock held. Interrupts stay as they are: who waits
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
            self.waiting.borrow_mut().push_back(clock.here());
            self.wait_for_turn();
        }
        let waited = clock.now() - began;
        clock.counts.locked(waited);
        clock.note(began, clock.here(), What::Locks { until: began + waited });
    }

    fn wait_for_turn(&self) {
        let clock = clock();
        loop {
            match self.handed.get() {
                Some((cpu, from)) if cpu == clock.here() => {
                    self.handed.set(None);
                    return clock.until(from.max(clock.now()));
                }
                _ => clock.wait(None),
            }
            clock.take_interrupts();
        }
    }

    fn unlock(&self) {
        let clock = clock();
        self.word.0.store(0, Relaxed);
        let next = self.waiting.borrow_mut().pop_front();
        let Some(next) = next else { return self.held.set(false) };
        let costs = &clock.hardware;
        let from = clock.now() + costs.line.from[costs.distance(clock.here(), next)] + costs.hand_over;
        self.handed.set(Some((next, from)));
        clock.counts.line_moved();
        clock.wake_parked(next, from);
    }
}
