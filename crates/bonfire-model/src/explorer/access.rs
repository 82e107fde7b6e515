//! What programs call: accesses, barriers, interrupts.

use std::sync::atomic::Ordering;

use super::op::{Barrier, Change, Op, Register, acquires, releases};
use super::replay::{Shared, perform};

/// Accesses of a program whose values it goes on with.
impl Shared {
    /// Reads the word; perhaps an old value.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> u64 {
        perform(Op::Load { word: self.id(), acquire: acquires(order) }, "")
    }

    /// Writes the word, some time.
    #[track_caller]
    pub fn store(&self, value: u64, order: Ordering) {
        perform(Op::Store { word: self.id(), value, release: releases(order) }, "");
    }

    /// Writes the word and returns what was there.
    #[track_caller]
    pub fn swap(&self, value: u64, order: Ordering) -> u64 {
        self.modify(Change::Swap(value), order, true)
    }

    /// Sets bits and returns what was there.
    #[track_caller]
    pub fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
        self.modify(Change::Set(bits), order, true)
    }

    /// Adds, and returns what was there.
    #[track_caller]
    pub fn fetch_add(&self, count: u64, order: Ordering) -> u64 {
        self.modify(Change::Add(count), order, true)
    }

    /// Sets bits, some time.
    #[track_caller]
    pub fn set(&self, bits: u64, order: Ordering) {
        self.modify(Change::Set(bits), order, false);
    }

    /// Clears bits, some time.
    #[track_caller]
    pub fn clear(&self, bits: u64, order: Ordering) {
        self.modify(Change::Clear(bits), order, false);
    }

    #[track_caller]
    fn modify(&self, change: Change, order: Ordering, used: bool) -> u64 {
        let (acquire, release) = (acquires(order), releases(order));
        perform(Op::Modify { word: self.id(), change, acquire, release, used }, "")
    }

    /// Waits until the word is at least `at_least`.
    #[track_caller]
    pub fn wait(&self, at_least: u64, order: Ordering) {
        perform(Op::Wait { word: self.id(), at_least, acquire: acquires(order), inbox: None }, "");
    }

    /// Waits until the word is at least `at_least`, or, with interrupts off,
    /// until `inbox` has a bit of `wanted`: then it returns `true`.
    #[track_caller]
    pub fn wait_or_inbox(&self, at_least: u64, inbox: &Self, wanted: u64) -> bool {
        let inbox = Some((inbox.id(), wanted));
        perform(Op::Wait { word: self.id(), at_least, acquire: false, inbox }, "") != 0
    }

    /// Waits until the word, a lock, is 0, and takes it.
    #[track_caller]
    pub fn lock(&self) {
        perform(Op::Lock { word: self.id() }, "");
    }

    /// Gives the lock back.
    #[track_caller]
    pub fn unlock(&self) {
        self.store(0, Ordering::Release);
    }
}

/// Accesses that only an observer looks at.
impl Shared {
    /// Reads the word into a register, some time.
    #[track_caller]
    pub fn observe(&self, register: Register) {
        perform(Op::Observe { word: self.id(), register }, "");
    }

    /// Fetches the word as an instruction.
    #[track_caller]
    pub fn fetch(&self, register: Register) {
        perform(Op::Fetch { word: self.id(), register }, "");
    }
}

/// A barrier.
#[track_caller]
pub fn fence(barrier: Barrier, name: &'static str) {
    perform(Op::Fence(barrier), name);
}

/// From here on this CPU fetches no instruction older than now.
#[track_caller]
pub fn core_sync(name: &'static str) {
    perform(Op::CoreSync, name);
}

/// Interrupts each of these CPUs, a bit for each.
#[track_caller]
pub fn poke(cpus: u8) {
    perform(Op::Poke(cpus), "");
}

/// From here on this CPU drops its pokes, or no longer.
#[track_caller]
pub fn drop_pokes(dropped: bool) {
    perform(if dropped { Op::Dead } else { Op::Alive }, "");
}
