//! The fences of a program, which are `bonfire`'s: all that this crate takes from there.
//!
//! A light fence is no instruction, once the process is registered. Until then a reader
//! makes full fences. It notices the change by itself, when it next enters a section, and
//! is never asked to wait for it: registering takes milliseconds beside other threads, and
//! happens in a thread of its own, which the first record starts.

use core::sync::atomic::Ordering::SeqCst;
use core::{hint, iter};

use bonfire::process;
use bonfire_rcu_core::{Machine, Site, Word};

use crate::sys;
use crate::word::{AtomicWord, SystemLock};

/// A program as the algorithms see it.
pub(crate) struct Program;

impl Machine for Program {
    type Word = AtomicWord;
    type Lock = SystemLock;

    #[inline(always)]
    fn light(&self, _: Site) {
        // PAIRS(heavy): with `heavy`. Called only where `is_ready` was seen.
        bonfire::light();
    }

    #[inline]
    fn full(&self, _: Site) {
        // PAIRS(both): with `heavy`, which is a full fence or more.
        core::sync::atomic::fence(SeqCst);
    }

    fn heavy(&self, _: Site) {
        // PAIRS(heavy): with `light`. PAIRS(both): with `full`.
        process::heavy();
    }

    #[inline]
    fn is_ready(&self) -> bool {
        process::is_registered()
    }

    fn sleep(&self, word: &AtomicWord) {
        sys::sleep(&word.0);
    }

    fn wake(&self, word: &AtomicWord) {
        sys::wake(&word.0);
    }

    /// About as long as a heavy fence takes, then other threads first: a reader that was
    /// switched out in its section cannot leave it otherwise.
    fn watch(&self, word: &AtomicWord, at_least: u64, at: Site) -> bool {
        let turns =
            iter::repeat_n(hint::spin_loop as fn(), 100).chain(iter::repeat_n(sys::give_way as fn(), 4));
        word.load(at) >= at_least || { turns }.any(|wait| {
            wait();
            word.load(at) >= at_least
        })
    }
}

/// Registers this process for light fences now, and waits for it, or does what `policy`
/// says where the kernel cannot.
///
/// Nobody has to: the first section of a process registers it in the background. A program
/// that would rather know calls this before it starts threads, when it takes microseconds.
///
/// # Errors
/// Why the kernel cannot, if the policy is to refuse. With any other, readers make full
/// fences: right, and 5 to 20 ns slower.
pub fn register(policy: bonfire::Policy) -> Result<(), bonfire::Refusal> {
    match (bonfire::Memory::register(), policy) {
        (Err(refusal), bonfire::Policy::Refuse) => Err(refusal),
        _ => Ok(()),
    }
}

/// Has the process registered in the background, once; and a child that was forked before
/// that was done.
#[cfg(feature = "std")]
pub(crate) fn register_in_background() {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// In which process it was begun last: its forks and 1.
    static BEGUN: AtomicU64 = AtomicU64::new(0);

    let here = sys::forks() + 1;
    // Relaxed: it says who begins, and publishes nothing.
    if BEGUN.load(Relaxed) != here && BEGUN.swap(here, Relaxed) != here && !process::is_registered() {
        // If it is refused, fences stay full: nobody needs to hear of it.
        drop(process::register_in_background());
    }
}
