//! What was retired: batches that wait for a grace period.
//!
//! Retiring puts a thing into the open batch of its domain. A batch that is full joins the
//! line of updaters, and one heavy fence serves all of it. Whoever fills one also takes the
//! oldest further, without waiting, and drops what is ready. Only if more is unreclaimed
//! than the bound allows does a thread that retires wait for readers.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::vec::Vec;

use bonfire_rcu_core::{ANY, Ticket, scan};

use crate::Domain;
use crate::sys::{self, Lock, Retired};

/// A batch is full with this many things …
const FULL: usize = 2048;
/// … or with this many bytes.
const FULL_BYTES: usize = 2 << 20;
const BOUND_BYTES: usize = 32 << 20;

pub(crate) struct Garbage {
    pub(crate) queue: Lock<Queue>,
    /// Somebody is done with a batch.
    dropped: Condvar,
    bytes: AtomicUsize,
    bound: AtomicUsize,
}

pub(crate) struct Queue {
    open: Batch,
    sealed: VecDeque<(Ticket, Batch)>,
    /// The numbers of the batches that were taken out to be dropped, and are not yet.
    in_hand: Vec<u64>,
    /// The number of the next one.
    next: u64,
}

struct Batch {
    things: Vec<Retired>,
    bytes: usize,
}

impl Batch {
    const EMPTY: Self = Self { things: Vec::new(), bytes: 0 };

    fn push(&mut self, thing: Retired) {
        self.bytes += thing.bytes();
        self.things.push(thing);
    }

    fn is_full(&self) -> bool {
        self.things.len() >= FULL || self.bytes >= FULL_BYTES
    }
}

impl Queue {
    pub(crate) const EMPTY: Self =
        Self { open: Batch::EMPTY, sealed: VecDeque::new(), in_hand: Vec::new(), next: 0 };

    /// The open batch joins the line.
    fn seal(&mut self, domain: &Domain) {
        if !self.open.things.is_empty() {
            let full = core::mem::replace(&mut self.open, Batch::EMPTY);
            // Behind all that is in it, so that its grace period begins behind that.
            self.sealed.push_back((domain.grace.join(), full));
        }
    }
}

impl Garbage {
    pub(crate) const fn new() -> Self {
        Self {
            queue: Lock::new(Queue::EMPTY),
            dropped: Condvar::new(),
            bytes: AtomicUsize::new(0),
            bound: AtomicUsize::new(BOUND_BYTES),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn set_bound(&self, bytes: usize) {
        self.bound.store(bytes, Relaxed);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// Forgets the batches that other threads had taken out to drop: in a forked child, which
    /// does not have them. What was in them stays.
    pub(crate) fn forget_hands(&self) {
        let mut queue = self.queue();
        queue.in_hand.clear();
        let sealed: usize = queue.sealed.iter().map(|(_, batch)| batch.bytes).sum();
        self.bytes.store(sealed + queue.open.bytes, Relaxed);
    }

    /// Takes `thing`, and now and then takes care of what was taken before.
    pub(crate) fn discard(&self, thing: Retired, domain: &Domain) {
        let bytes = self.bytes.fetch_add(thing.bytes(), Relaxed) + thing.bytes();
        let mut queue = self.queue();
        queue.open.push(thing);
        let is_full = queue.open.is_full();
        if is_full {
            queue.seal(domain);
        }
        drop(queue);
        let is_too_much = bytes > self.bound.load(Relaxed);
        if is_full {
            self.collect(domain);
        }
        if is_too_much {
            self.make_room(domain);
        }
    }

    /// Drops what can be dropped without waiting.
    pub(crate) fn collect(&self, domain: &Domain) {
        // A destructor that retires does not drop in its turn: how deep would that go?
        if sys::local().collects.get() {
            return;
        }
        while let Some(ticket) = self.oldest() {
            if !domain.grace.advance(ticket, &crate::fences::Program, &domain.readers) {
                return;
            }
            self.drop_ready(domain);
        }
    }

    /// Waits for readers, until no more is unreclaimed than is allowed, if there is anybody
    /// to wait for.
    #[cold]
    fn make_room(&self, domain: &Domain) {
        if sys::local().collects.get() || domain.am_i_inside() {
            return;
        }
        self.queue().seal(domain);
        while self.bytes() > self.bound.load(Relaxed) {
            let Some(ticket) = self.oldest() else { return };
            domain.wait(ticket);
            self.drop_ready(domain);
        }
    }

    /// Waits until all is dropped that was retired before.
    pub(crate) fn finish(&self, domain: &Domain) {
        let mut queue = self.queue();
        queue.seal(domain);
        let last = queue.sealed.back().map(|(ticket, _)| *ticket);
        drop(queue);
        if let Some(last) = last {
            domain.wait(last);
            self.drop_ready(domain);
        }
        // What others took out before us.
        let mut queue = self.queue();
        let next = queue.next;
        while queue.in_hand.iter().any(|&number| number < next) {
            queue = self.dropped.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn oldest(&self) -> Option<Ticket> {
        self.queue().sealed.front().map(|(ticket, _)| *ticket)
    }

    /// Drops the batches whose grace period is over, but for what slots hold.
    fn drop_ready(&self, domain: &Domain) {
        loop {
            let mut queue = self.queue();
            let Some((ticket, _)) = queue.sealed.front() else { return };
            if !domain.grace.is_over(*ticket) {
                return;
            }
            let batch = queue.sealed.pop_front().map_or(Batch::EMPTY, |(_, batch)| batch);
            let in_hand = InHand(self, queue.next);
            queue.next += 1;
            queue.in_hand.push(in_hand.1);
            drop(queue);
            self.drop_batch(batch, domain);
            drop(in_hand);
        }
    }

    fn drop_batch(&self, batch: Batch, domain: &Domain) {
        let held: BTreeSet<u64> = scan(&domain.slots).collect();
        let mut panicked = None;
        let mut freed = 0;
        for thing in batch.things {
            if !held.is_empty() && (held.contains(&ANY) || held.contains(&thing.address())) {
                self.queue().open.push(thing);
                continue;
            }
            freed += thing.bytes();
            let _collecting = Collecting::begin();
            // The others are dropped all the same.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| thing.run())) {
                panicked.get_or_insert(panic);
            }
        }
        // Not below 0: a child that was forked by a destructor has forgotten the batch.
        let _ = self.bytes.fetch_update(Relaxed, Relaxed, |bytes| Some(bytes.saturating_sub(freed)));
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }

    /// Drops everything: there are no readers any more.
    pub(crate) fn empty(&mut self) {
        // A destructor may retire more, in a domain that is going.
        loop {
            let queue = self.queue.get_mut();
            let mut batches: Vec<Batch> = queue.sealed.drain(..).map(|(_, batch)| batch).collect();
            batches.push(core::mem::replace(&mut queue.open, Batch::EMPTY));
            if batches.iter().all(|batch| batch.things.is_empty()) {
                return;
            }
            drop(batches.into_iter().map(|batch| batch.things).collect::<Vec<_>>());
        }
    }
}

/// A batch that is being dropped.
struct InHand<'a>(&'a Garbage, u64);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.queue().in_hand.retain(|&number| number != self.1);
        self.0.dropped.notify_all();
    }
}

/// While this lives, the calling thread runs a destructor of what was retired.
struct Collecting;

impl Collecting {
    fn begin() -> Self {
        sys::local().collects.set(true);
        Self
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        sys::local().collects.set(false);
    }
}
