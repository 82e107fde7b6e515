//! A spin lock that keeps interrupts off while it is held, so that handlers may
//! take it too.
//!
//! Nobody waits for another CPU's answer with a lock held (the engine's calls
//! are made without), so spinning here with interrupts off delays a poke and
//! never deadlocks one.

use crate::arch;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};

/// A `T` that one CPU at a time may look at.
pub(crate) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard, and there is one guard at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

/// Access to a [`Lock`]'s value, until dropped.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    interrupts: bool,
}

impl<T> Lock<T> {
    /// A lock that nobody holds.
    pub(crate) const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let interrupts = arch::enabled();
        arch::set_enabled(false);
        // Acquire. PAIRS(lock): with the Release in the last holder's drop.
        while self.taken.swap(true, Acquire) {
            while self.taken.load(Relaxed) {
                arch::relax();
            }
        }
        Guard { lock: self, interrupts }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // Release. PAIRS(lock): with the Acquire of the next holder.
        self.lock.taken.store(false, Release);
        if self.interrupts {
            arch::set_enabled(true);
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: we hold the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: we hold the lock.
        unsafe { &mut *self.lock.value.get() }
    }
}
