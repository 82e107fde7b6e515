//! What this program knows of its own registrations: one word.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | upgrade | [`State::hold`], after the kernel registered | [`State::holds`], before a fence is left out |
//! | refused | [`State::note_refused`], after a heavy fence was only a fence | [`State::hold`] |
//!
//! All changes are read-modify-writes of one word, so they have one order, and
//! whoever reads a later one has synchronised with all the earlier. The word is
//! the program's, not the kernel's: two versions of this crate in one process
//! have two, and each learns for itself what the kernel answers both.
//! A forked child inherits word and registrations; `execve` clears both.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, SeqCst},
    fence,
};

use bonfire_abi::{Flavour, Registrations};

pub(crate) static STATE: State = State(AtomicU32::new(0));

/// A mask of registrations, and a bit that is none.
///
/// # Invariants
/// A flavour's bit is set only after the kernel registered this process for it
/// and after a full fence that follows. No bit is ever cleared.
pub(crate) struct State(AtomicU32);

/// A heavy fence ran as a plain fence, before the process was registered.
const REFUSED: u32 = 1;

impl State {
    /// Whether the process is registered for `flavour`.
    #[inline]
    pub(crate) fn holds(&self, flavour: Flavour) -> bool {
        // Acquire. PAIRS(upgrade): with `hold`. A light fence that is left out
        // because of what is read here must come after the registration, and
        // after every heavy fence that did without (`note_refused`).
        self.0.load(Acquire) & bit(flavour) != 0
    }

    /// Notes that the kernel registered this process for `flavour`.
    pub(crate) fn hold(&self, flavour: Flavour) {
        // PAIRS(upgrade): between the kernel's gate, open before this fence, and
        // a reader that leaves its fence out after it. A heavy fence that found
        // the gate shut did so before; the other order is `note_refused`'s.
        fence(SeqCst);
        // INVARIANT: the caller has the kernel's word for it.
        // Release. PAIRS(upgrade): with `holds`.
        // Acquire. PAIRS(refused): with `note_refused`, whose heavy fence then
        // happens before every light fence that is left out.
        self.0.fetch_or(bit(flavour), AcqRel);
    }

    /// Notes that a heavy fence is about to be only a fence; whether that is
    /// too late, because light fences may already be left out.
    #[must_use = "if it is too late the fence has to be issued or the process ended"]
    pub(crate) fn note_refused(&self) -> bool {
        // Release. PAIRS(refused): with `hold`. If `hold` comes after, then
        // what was written before this heavy fence is seen by every thread
        // that sees the bit, and the others still make full fences. If it
        // came before, this sees the bit and says so.
        self.0.fetch_or(REFUSED, AcqRel) & bit(Flavour::Private) != 0
    }
}

fn bit(flavour: Flavour) -> u32 {
    Registrations::NONE.with(flavour).mask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_fence_is_too_late_once_registered() {
        let state = State(AtomicU32::new(0));
        assert!(!state.note_refused());
        assert!(!state.holds(Flavour::Private));
        state.hold(Flavour::SyncCore);
        assert!(!state.note_refused(), "another flavour's gate is none of its business");
        state.hold(Flavour::Private);
        assert!(state.holds(Flavour::Private) && !state.holds(Flavour::Rseq));
        assert!(state.note_refused());
    }
}
