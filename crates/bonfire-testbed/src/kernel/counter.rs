//! Numbers that threads add to and wait for: `eventfd`.

use crate::lock::Lock;
use crate::wait;

/// The number.
pub(crate) struct Counter {
    value: Lock<u64>,
    /// A read takes 1 of it, and not all.
    is_semaphore: bool,
}

/// It never gets larger: the next one stands for an overflow.
const MOST: u64 = u64::MAX - 1;

impl Counter {
    /// One with that value.
    pub(crate) const fn new(value: u64, is_semaphore: bool) -> Self {
        Self { value: Lock::new(value), is_semaphore }
    }

    /// What a read gets; none while it is 0.
    pub(crate) fn take(&self) -> Option<u64> {
        let mut value = self.value.lock();
        let taken = if self.is_semaphore { 1.min(*value) } else { *value };
        if taken == 0 {
            return None;
        }
        *value -= taken;
        drop(value);
        wait::changed();
        Some(taken)
    }

    /// Adds, if there is room; whether there was.
    pub(crate) fn add(&self, more: u64) -> bool {
        let mut value = self.value.lock();
        if more > MOST - *value {
            return false;
        }
        *value += more;
        drop(value);
        wait::changed();
        true
    }

    /// Whether so much can be added.
    pub(crate) fn has_room_for(&self, more: u64) -> bool {
        more <= MOST - *self.value.lock()
    }

    /// Whether there is something to take, and room to add.
    pub(crate) fn state(&self) -> (bool, bool) {
        let value = *self.value.lock();
        (value > 0, value < MOST)
    }
}
