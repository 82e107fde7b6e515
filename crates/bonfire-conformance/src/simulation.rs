//! Machines whose memory is simulated.
//!
//! A verdict's logic must not hang on the processor that tests it. So a world may
//! say that its memory is not this machine's: then what races goes through
//! [`Memory`], access by access, and the simulation says what waits, what is seen,
//! and how long it takes. Everything else of a case (who meets whom, what is drawn,
//! what is counted) is the same code as on a real machine.

use core::sync::atomic::AtomicU64;

/// The memory of a simulated machine, as one thread sees it.
pub trait Memory {
    /// Does nothing for so many turns of an empty loop.
    fn turns(&self, count: u32);

    /// Loads a word.
    fn load(&self, word: &AtomicU64) -> u64;

    /// Stores to a word; others may see it later.
    fn store(&self, word: &AtomicU64, value: u64);

    /// Queues so many stores that take long, `thrown_out` if each is to a line that
    /// an instruction throws out right before.
    fn store_slowly(&self, count: usize, thrown_out: bool);

    /// Throws the line of a word out of the caches.
    fn evict(&self, word: &AtomicU64);

    /// A full fence: what this thread stored is seen by all.
    fn fence(&self);
}
