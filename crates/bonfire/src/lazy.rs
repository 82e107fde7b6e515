//! A pair of fences for a `static`, which registers when it is first needed.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | chosen | [`Lazy::decide`], after what was chosen is there | [`Lazy::light`], before a fence is left out |
//!
//! *Why any interleaving is sound.* A light fence that finds nothing chosen, or
//! full fences, is a full fence, which every heavy fence orders. One that finds a
//! barrier chosen comes after it was there. And a heavy fence chooses before it
//! does anything, so none is ever weaker than what the light ones rely on: unlike
//! [`process`](crate::process), it has nothing to make good later.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire},
};

use crate::barrier::{Sealed, fence_between};
use crate::since::Ticket;
use crate::{Barrier, Chosen, Fences, Memory, Policy, Refusal, process, sys};

/// A pair of fences that can be a `static` or a field that a `const fn` makes.
///
/// It registers at the first [`heavy`](Self::heavy), or when told to
/// ([`register`](Self::register), [`register_in_background`](Self::register_in_background)),
/// and never in a light fence. Until then, and for good where the kernel
/// refuses, fences are full on both sides. A refusal is remembered: nothing is
/// asked twice.
///
/// ```
/// use bonfire::{Lazy, Policy};
/// use std::sync::atomic::{AtomicBool, Ordering::*};
///
/// static FENCES: Lazy = Lazy::new(Policy::Fences);
/// static READING: AtomicBool = AtomicBool::new(false);
/// static CLOSED: AtomicBool = AtomicBool::new(false);
///
/// fn enter() -> bool {
///     READING.store(true, Relaxed);
///     FENCES.light(); // a full fence at first, a load and a branch later
///     !CLOSED.load(Acquire)
/// }
///
/// fn close() -> bool {
///     CLOSED.store(true, Release);
///     FENCES.heavy(); // registers, if nobody did
///     !READING.load(Acquire)
/// }
/// assert!(enter() && !close());
/// ```
///
/// A library that has no place of its own to register in uses one of these. The
/// first heavy fence of a process of several threads then takes as long as
/// registering does, 5 to 15 milliseconds under Linux; a library that is
/// told when it starts registers in the background there.
///
/// All sides must use the same one: its heavy fence orders *its* light fences.
#[derive(Debug)]
pub struct Lazy {
    policy: Policy,
    /// # Invariants
    /// Changes once, from [`UNDECIDED`]. Not [`LIGHT`] before the barrier is there.
    chosen: AtomicU32,
}

const UNDECIDED: u32 = 0;
const FENCES: u32 = 1;
/// The bit of those whose light fences are light.
const LIGHT: u32 = 2;
const MEMORY: u32 = LIGHT;
#[cfg(feature = "signal")]
const SIGNAL: u32 = LIGHT | 1;

impl Lazy {
    /// One that does what `policy` says where the kernel refuses. Under
    /// [`Policy::Refuse`] the fences are full as well, but [`register`](Self::register)
    /// says why.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, chosen: AtomicU32::new(UNDECIDED) }
    }

    /// The light fence: one load, and a branch that is not taken once a barrier was
    /// chosen. Never registers, never waits.
    #[inline(always)]
    pub fn light(&self) {
        // Acquire. PAIRS(chosen): with `decide`. A light fence that is left out
        // comes after the registration.
        if self.chosen.load(Acquire) & LIGHT != 0 {
            sys::light();
        } else {
            process::full_fence();
        }
    }

    /// The heavy fence. The first one registers.
    #[inline]
    pub fn heavy(&self) {
        // PAIRS(heavy): with `light`, of any thread of this process.
        self.pair().heavy();
    }

    /// A ticket for [`heavy_since`](Self::heavy_since): see [`Memory::ticket`].
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        crate::since::ticket()
    }

    /// A heavy fence, unless one that began after the ticket was taken has ended;
    /// whether there was one. See [`Memory::heavy_since`]: only the kernel's are
    /// spared, the others are always issued.
    pub fn heavy_since(&self, ticket: Ticket) -> bool {
        match self.pair() {
            Chosen::Memory(memory) => memory.heavy_since(ticket),
            pair => {
                pair.heavy();
                true
            }
        }
    }

    /// Registers, unless that was done; what came of it.
    ///
    /// # Errors
    /// As [`Policy::register`]; and under a signal's policy why there is none.
    pub fn register(&self) -> Result<Chosen, Refusal> {
        match self.pair() {
            // Remembered where it was given, so this asks nobody.
            full @ Chosen::Fences(_) if self.policy != Policy::Fences => self.policy.register().map(|_| full),
            pair => Ok(pair),
        }
    }

    /// Registers without making the caller wait: see
    /// [`process::register_in_background`](crate::process::register_in_background).
    #[cfg(feature = "std")]
    pub fn register_in_background(&'static self) {
        if sys::is_single_threaded() {
            self.decide();
        } else {
            // If no thread can be had, the first heavy fence registers.
            drop(crate::background::spawn(|| self.decide()));
        }
    }

    /// What was chosen, now at the latest.
    #[inline]
    fn pair(&self) -> Chosen {
        // Acquire. PAIRS(chosen): with `decide`.
        Self::named(self.chosen.load(Acquire)).unwrap_or_else(|| self.decide())
    }

    #[inline]
    fn named(chosen: u32) -> Option<Chosen> {
        match chosen {
            // INVARIANT: whoever stored it had the token.
            MEMORY => Memory::get().map(Chosen::Memory),
            #[cfg(feature = "signal")]
            SIGNAL => crate::Signal::get().map(Chosen::Signal),
            FENCES => Some(Chosen::Fences(Fences)),
            _ => None,
        }
    }

    /// Registers and chooses; what was chosen, here or by another at the same time.
    #[cold]
    fn decide(&self) -> Chosen {
        let mine = self.policy.register().unwrap_or(Chosen::Fences(Fences));
        let word = match mine {
            Chosen::Memory(_) => MEMORY,
            #[cfg(feature = "signal")]
            Chosen::Signal(_) => SIGNAL,
            Chosen::Fences(_) => FENCES,
        };
        // Release. PAIRS(chosen): with the loads in `light` and `pair`, which then
        // come after the registration.
        // Acquire: the same of another's, whose choice is everybody's.
        let before = self.chosen.compare_exchange(UNDECIDED, word, AcqRel, Acquire);
        before.err().and_then(Self::named).unwrap_or(mine)
    }
}

impl Sealed for &'static Lazy {}

impl Barrier for &'static Lazy {
    #[inline(always)]
    fn light(self) {
        Lazy::light(self);
    }

    #[inline]
    fn heavy(self) {
        Lazy::heavy(self);
    }

    // Whether fences are full may change between two accesses, so it is the
    // fence that decides.
    fence_between!();
}
