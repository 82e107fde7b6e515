//! The state word of an address space: what it registered for.
//!
//! The word is a value with verbs; nobody else touches its bits, which are those
//! of Linux. Two rules carry the whole of registration:
//!
//! 1. *Intent before ready.* A flavour's intent is set first: from then on the
//!    hooks pay for this address space. Its gate opens only when every CPU is
//!    known to pay.
//! 2. *Nothing is ever taken back.* There is no unregistration, and an exec
//!    begins with a new word.

use core::sync::atomic::Ordering::{Relaxed, Release};

use bonfire_abi::{Flavour, Registrations};

use crate::machine::Word;

/// The state word.
///
/// # Invariants
/// The ready bit of a flavour is set only when its intent was set before and
/// every CPU that is online has, in between, served a poke or been outside this
/// address space behind a full barrier.
pub(crate) struct State<W>(W);

/// What the state word held when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registered(u64);

/// What a registration has yet to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Begin {
    /// The gate is open already.
    AlreadyReady,
    /// The intent is set. This was the word just before.
    Started(Registered),
}

const PRIVATE_READY: u64 = 1 << 0;
const PRIVATE: u64 = 1 << 1;
const GLOBAL_READY: u64 = 1 << 2;
const GLOBAL: u64 = 1 << 3;
const SYNC_CORE_READY: u64 = 1 << 4;
const SYNC_CORE: u64 = 1 << 5;
const RSEQ_READY: u64 = 1 << 6;
const RSEQ: u64 = 1 << 7;

/// The bit that opens a flavour's gate.
const fn ready(flavour: Flavour) -> u64 {
    match flavour {
        Flavour::Private => PRIVATE_READY,
        Flavour::Global => GLOBAL_READY,
        Flavour::SyncCore => SYNC_CORE_READY,
        Flavour::Rseq => RSEQ_READY,
    }
}

/// The bits that make the hooks pay. Every private flavour wants the barriers
/// of the plain one.
const fn intent(flavour: Flavour) -> u64 {
    match flavour {
        Flavour::Private => PRIVATE,
        Flavour::Global => GLOBAL,
        Flavour::SyncCore => PRIVATE | SYNC_CORE,
        Flavour::Rseq => PRIVATE | RSEQ,
    }
}

impl<W: Word> State<W> {
    /// Registered for nothing.
    pub(crate) const NEW: Self = Self(W::ZERO);

    /// What the word holds.
    #[inline]
    pub(crate) fn read(&self) -> Registered {
        Registered(self.0.load(Relaxed))
    }

    /// Sets the intent of `flavour`.
    pub(crate) fn begin(&self, flavour: Flavour) -> Begin {
        let before = self.read();
        if before.is_ready(flavour) {
            return Begin::AlreadyReady;
        }
        self.0.set(intent(flavour), Relaxed);
        Begin::Started(before)
    }

    /// Opens the gate of `flavour`.
    ///
    /// The caller has seen to the invariant, and passed [`Site::RegExit`] since.
    ///
    /// [`Site::RegExit`]: crate::Site::RegExit
    pub(crate) fn finish(&self, flavour: Flavour) {
        // INVARIANT: by the caller.
        // Release: PAIRS(G), with SysEntry of whoever finds the gate open, which then
        // sees what the design kept of this registration behind RegExit.
        self.0.set(ready(flavour), Release);
    }

    /// Takes over what `parent` registered for: an address space that is being
    /// made by a fork and that no CPU has run yet.
    pub(crate) fn inherit(&self, parent: Registered) {
        // INVARIANT: no CPU is in this address space, and each that enters it
        // will read this word after the fork handed it over.
        self.0.store(parent.0, Relaxed);
    }
}

impl Registered {
    /// Whether the gate of `flavour` is open.
    #[inline]
    pub(crate) const fn is_ready(self, flavour: Flavour) -> bool {
        self.0 & ready(flavour) != 0
    }

    /// Whether any private flavour, or the global one, wants barriers around
    /// switches.
    #[inline]
    pub(crate) const fn wants_fences(self) -> bool {
        self.0 & (PRIVATE | GLOBAL) != 0
    }

    /// Whether a switch into the address space owes a core serialisation.
    #[inline]
    pub(crate) const fn wants_core_sync(self) -> bool {
        self.0 & SYNC_CORE != 0
    }

    /// Whether the address space is a target of `GLOBAL_EXPEDITED`.
    #[inline]
    pub(crate) const fn is_global(self) -> bool {
        self.0 & GLOBAL != 0
    }

    /// Whether an earlier registration has already made every CPU pay the
    /// barriers around switches.
    #[inline]
    pub(crate) const fn fences_established(self) -> bool {
        self.0 & (PRIVATE_READY | GLOBAL_READY | SYNC_CORE_READY | RSEQ_READY) != 0
    }

    /// The mask that `GET_REGISTRATIONS` returns: as Linux does, a flavour
    /// counts from its intent on.
    pub(crate) fn report(self) -> Registrations {
        Flavour::ALL
            .into_iter()
            .filter(|&flavour| {
                let own = match flavour {
                    Flavour::SyncCore => SYNC_CORE,
                    Flavour::Rseq => RSEQ,
                    plain => intent(plain),
                };
                self.0 & (ready(flavour) | own) != 0
            })
            .fold(Registrations::NONE, Registrations::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::AtomicWord;

    fn register(state: &State<AtomicWord>, flavour: Flavour) {
        if let Begin::Started(_) = state.begin(flavour) {
            assert!(!state.read().is_ready(flavour), "intent before ready");
            state.finish(flavour);
        }
    }

    #[test]
    fn each_flavour_opens_its_own_gate_and_no_other() {
        for flavour in Flavour::ALL {
            let state = State::NEW;
            register(&state, flavour);
            for other in Flavour::ALL {
                assert_eq!(state.read().is_ready(other), other == flavour);
            }
            assert_eq!(state.read().report(), Registrations::NONE.with(flavour).reported());
            assert_eq!(state.begin(flavour), Begin::AlreadyReady);
        }
    }

    #[test]
    fn a_registration_that_began_is_reported_and_makes_the_hooks_pay() {
        let state: State<AtomicWord> = State::NEW;
        assert!(!state.read().wants_fences());
        let Begin::Started(before) = state.begin(Flavour::SyncCore) else { panic!("not ready yet") };
        assert!(!before.fences_established());
        let now = state.read();
        assert!(now.wants_fences() && now.wants_core_sync() && !now.is_global());
        assert!(!now.fences_established() && !now.is_ready(Flavour::SyncCore));
        assert_eq!(now.report().mask(), 0x50);
        for flavour in Flavour::ALL {
            let state: State<AtomicWord> = State::NEW;
            assert!(matches!(state.begin(flavour), Begin::Started(_)));
            assert_eq!(state.read().report(), Registrations::NONE.with(flavour).reported(), "{flavour:?}");
        }
    }
}
