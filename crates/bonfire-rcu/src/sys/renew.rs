//! A lock that a forked child can have although another thread held it.

use core::cell::UnsafeCell;
use core::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A mutex. What it guards is whole after each step, so it is never poisoned.
pub(crate) struct Lock<T>(UnsafeCell<Mutex<T>>);

// SAFETY: what is in it is a mutex, of which only shared references are made but for
// `renew`, whose caller says that there are none.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(Mutex::new(value)))
    }

    fn mutex(&self) -> &Mutex<T> {
        // SAFETY: nobody has an exclusive reference: `renew` makes none, `get_mut` borrows.
        unsafe { &*self.0.get() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.mutex().lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.mutex().try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frees the lock, if it is held, and puts `value` in: what it guarded may be halfway
    /// through a change and is forgotten. Whether it was.
    ///
    /// # Safety
    /// - Whoever holds the lock is a thread that this process does not have.
    /// - No other thread of this process uses the lock meanwhile.
    pub(crate) unsafe fn renew(&self, value: T) -> bool {
        let is_held = self.try_lock().is_none();
        if is_held {
            // SAFETY: by the caller's promise nobody looks at the mutex. What was there is not
            // dropped: it may not be whole.
            unsafe { ptr::write(self.0.get(), Mutex::new(value)) };
        }
        is_held
    }
}
