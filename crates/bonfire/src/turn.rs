//! A turn that one thread of a process has at a time, and that a fork does not
//! lose.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | turn | [`Turn::take`] | the end of the turn before, [`Taken::drop`] |

use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::sys;

/// Whose turn it is: 0, or the number of the process whose thread has it.
///
/// A child forked in the middle of a turn has no such thread, but another
/// number, so to the child the turn is free.
pub(crate) struct Turn(AtomicU32);

impl Turn {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Takes the turn, unless another thread of this process has it.
    pub(crate) fn take(&self) -> Option<Taken<'_>> {
        let this = sys::process_id();
        let holder = self.0.load(Relaxed);
        // Acquire. PAIRS(turn): with `drop`; what the turn before wrote is seen.
        let taken = holder != this && self.0.compare_exchange(holder, this, Acquire, Relaxed).is_ok();
        // Made only if taken: one that is dropped gives the turn back.
        taken.then(|| Taken(self))
    }
}

/// Gives the turn back when dropped.
pub(crate) struct Taken<'a>(&'a Turn);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Release. PAIRS(turn): with `take`, of whoever is next.
        self.0.0.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_taken_by_one_and_given_back() {
        let turn = Turn::new();
        let taken = turn.take();
        assert!(taken.is_some());
        // Being refused takes nothing from the one that has it.
        assert!(turn.take().is_none() && turn.take().is_none());
        drop(taken);
        assert!(turn.take().is_some());
    }

    #[test]
    fn a_turn_of_another_process_is_free() {
        // No process has this number.
        let turn = Turn(AtomicU32::new(u32::MAX));
        assert!(turn.take().is_some());
    }
}
