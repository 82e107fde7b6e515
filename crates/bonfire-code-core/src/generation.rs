//! Publishing for threads that check: they serialise themselves, when there is news.
//!
//! The publisher makes no system call, and interrupts nobody. A thread that executes looks
//! at one word first, and where that has changed since it last looked, it serialises.

use core::cell::Cell;

use crate::{Machine, Site, Word};

/// How often code was published, for those who check.
#[derive(Debug)]
pub struct Generation<M: Machine>(M::Word);

/// The generation that one thread has seen.
#[derive(Debug, Default)]
pub struct Seen(Cell<u64>);

impl Seen {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Cell::new(0))
    }
}

impl<M: Machine> Generation<M> {
    /// Nothing was published.
    pub const FIRST: Self = Self(M::Word::ZERO);

    /// Publishes what was written to `code`: any thread may execute it that learns of it after
    /// the return from here, and has called [`catch_up`](Self::catch_up) after that.
    ///
    /// # Errors
    /// Why the caches could not be maintained. The code must not be executed then.
    pub fn publish(&self, machine: &M, code: &M::Code) -> Result<(), M::Fault> {
        // PAIRS(code): with the instruction fetch of whoever executes it.
        machine.maintain(code, Site::Maintain)?;
        // PAIRS(generation): with the load in `catch_up`.
        self.0.fetch_add(1, Site::Announce);
        Ok(())
    }

    /// Serialises the calling thread, if code was published since it last did.
    ///
    /// To be called *after* it learnt what to execute, and before it does.
    #[inline(always)]
    pub fn catch_up(&self, machine: &M, seen: &Seen) {
        // PAIRS(generation): with the addition in `publish`. Whoever learnt of the code reads
        // at least the generation in which it was published.
        let newest = self.0.load(Site::Notice);
        if newest != seen.0.get() {
            // PAIRS(code): with what was written before the generation that was read. After
            // that load: a thread that serialises first may fetch the old after it.
            machine.serialise(Site::Serialise);
            seen.0.set(newest);
        }
    }

    /// The word; for a model.
    pub fn word(&self) -> &M::Word {
        &self.0
    }
}
