//! What the protocols ask of the world they run in.

use crate::Site;

/// A 64-bit word that threads share.
///
/// The ordering of an access is that of its [`Site`] ([`Site::order`]).
pub trait Word {
    /// A word that holds 0.
    const ZERO: Self;

    /// Reads the word.
    fn load(&self, at: Site) -> u64;
    /// Adds, and returns what was there, in one step.
    fn fetch_add(&self, count: u64, at: Site) -> u64;
}

/// Caches and the instruction streams of threads.
///
/// A CPU may execute an instruction as it was before it was written, for as long as it
/// likes, until it *serialises*: what it executes after that is as memory was then, where
/// the caches have been maintained.
pub trait Machine {
    /// The words that threads share.
    type Word: Word;
    /// What was written: which bytes, and where they are executed.
    type Code: ?Sized;
    /// Why caches could not be maintained.
    type Fault;

    /// Has the caches of all CPUs give instruction fetch what was written to `code`. Nothing
    /// where they do so by themselves.
    ///
    /// # Errors
    /// Why that is not so. Nobody may execute the code then.
    fn maintain(&self, code: &Self::Code, at: Site) -> Result<(), Self::Fault>;

    /// Every thread of the process serialises, before it executes its next instruction that
    /// comes after the return from here.
    fn sync_core(&self, at: Site);

    /// The calling thread serialises.
    fn serialise(&self, at: Site);
}
