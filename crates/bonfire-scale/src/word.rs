//! The words that CPUs share: their values, and what it costs to get at them.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::clock::{Clock, clock};
use crate::hardware::Ps;

/// A word of the machine. Its line is the one that its address is in, so that
/// what shares a line in the engine shares one here.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Word(Cell<u64>);

/// A word that has a line for itself.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Alone(pub(crate) Word);

impl Word {
    pub(crate) const fn of(value: u64) -> Self {
        Self(Cell::new(value))
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Gets the line for this CPU alone, changes the word, and wakes those that wait
    /// for that.
    fn change(&self, extra: Ps, change: impl FnOnce(u64) -> u64) -> u64 {
        let clock = clock();
        clock.drain();
        if !clock.interrupts_are_off() {
            clock.scan_ends();
        }
        let place = clock.lines.borrow_mut().place(self.address());
        let access = clock.lines.borrow_mut().write(&clock.hardware, place, clock.here(), clock.now());
        moved(&clock, access.moved);
        clock.until(access.done + extra);
        let before = self.0.get();
        self.0.set(change(before));
        for (cpu, suspension) in clock.lines.borrow_mut().written(place) {
            clock.wake(cpu, suspension, clock.now());
        }
        before
    }

    /// What is in the word now, to somebody who stands outside the machine.
    pub(crate) fn peek(&self) -> u64 {
        self.0.get()
    }

    /// Waits until the line is written, or an interrupt can be taken. To be
    /// called at the very time at which the word was found not to be as wanted.
    pub(crate) fn wait_for_write(&self, also: Option<&Self>) {
        let clock = clock();
        for word in [Some(self), also].into_iter().flatten() {
            let mut lines = clock.lines.borrow_mut();
            let place = lines.place(word.address());
            lines.wait(place, clock.here(), clock.suspension());
        }
        clock.wait(None);
    }
}

fn moved(clock: &Clock, moved: bool) {
    if moved {
        clock.counts.line_moved();
    }
}

impl bonfire_engine::Word for Word {
    const ZERO: Self = Self(Cell::new(0));
    const TOP_BIT: Self = Self(Cell::new(1 << 63));

    /// Takes no longer than its beginning: others may overlap with it, until the
    /// next fence or atomic operation.
    fn load(&self, _: Ordering) -> u64 {
        let clock = clock();
        let place = clock.lines.borrow_mut().place(self.address());
        let access = clock.lines.borrow_mut().read(&clock.hardware, place, clock.here(), clock.now());
        moved(&clock, access.moved);
        if access.moved {
            clock.load_begins(access.done)
        } else {
            clock.until(access.done)
        }
        self.0.get()
    }

    fn store(&self, value: u64, _: Ordering) {
        self.change(0, |_| value);
    }

    fn swap(&self, value: u64, _: Ordering) -> u64 {
        self.change(clock().hardware.line.atomic, |_| value)
    }

    fn fetch_or(&self, bits: u64, _: Ordering) -> u64 {
        self.change(clock().hardware.line.atomic, |before| before | bits)
    }

    fn set(&self, bits: u64, order: Ordering) {
        self.fetch_or(bits, order);
    }

    fn clear(&self, bits: u64, _: Ordering) {
        self.change(clock().hardware.line.atomic, |before| before & !bits);
    }
}
