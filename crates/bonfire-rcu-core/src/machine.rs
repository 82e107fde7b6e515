//! What the algorithms ask of the world they run in.

use crate::Site;

/// A 64-bit word that threads share.
///
/// The ordering of an access is that of its [`Site`] ([`Site::order`]).
pub trait Word {
    /// A word that holds 0.
    const ZERO: Self;
    /// A word that holds [`u64::MAX`].
    const ONES: Self;

    /// Reads the word.
    fn load(&self, at: Site) -> u64;
    /// Writes the word.
    fn store(&self, value: u64, at: Site);
    /// Writes the word and returns what was there, in one step.
    fn swap(&self, value: u64, at: Site) -> u64;
    /// Adds, and returns what was there, in one step.
    fn fetch_add(&self, count: u64, at: Site) -> u64;
}

/// A lock that one thread holds at a time. Whoever takes it sees what those did who
/// held it before.
pub trait Lock {
    /// A lock that nobody holds.
    const FREE: Self;

    /// Calls `body` with the lock held, when it can be had.
    fn with<R>(&self, body: impl FnOnce() -> R) -> R;

    /// Calls `body` with the lock held, unless somebody else holds it.
    fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R>;
}

/// Words, fences and waiting.
pub trait Machine {
    /// The words that threads share.
    type Word: Word;
    /// The lock that updaters share.
    type Lock: Lock;

    /// A light fence. Called only by a thread that [`is_ready`](Self::is_ready) told so.
    ///
    /// With [`heavy`](Self::heavy) of any thread it is ordered as two full fences are.
    fn light(&self, at: Site);

    /// A full fence: what a light fence is until the machine is ready.
    fn full(&self, at: Site);

    /// A heavy fence: ordered with light and full fences of any thread.
    fn heavy(&self, at: Site);

    /// Whether light fences may be relied upon from here on. `true` for ever once it was.
    fn is_ready(&self) -> bool;

    /// Waits while `word` is 0: until [`wake`](Self::wake) is called for it, or longer
    /// than that. May return early.
    ///
    /// If `word` was written before `wake` was called, then either this does not sleep or
    /// that call ends the sleep.
    fn sleep(&self, word: &Self::Word);

    /// Ends the [`sleep`](Self::sleep) of whoever sleeps on `word`.
    fn wake(&self, word: &Self::Word);

    /// Waits a while until `word` is at least `at_least`; whether it is. If not, the updater
    /// sleeps.
    fn watch(&self, word: &Self::Word, at_least: u64, at: Site) -> bool;
}
