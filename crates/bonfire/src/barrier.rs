//! A pair of fences, whichever it is: what code that is generic over them uses.

use core::sync::atomic::Ordering::{self, SeqCst};

use crate::{Memory, sys};

/// A pair of fences, one cheap and one dear, ordered with each other.
///
/// What is generic over it is compiled for each pair, so a light fence costs
/// what this pair's costs and no more. The pairs differ in the price:
///
/// | pair | light | heavy |
/// |---|---|---|
/// | [`Memory`] | nothing | the system call |
/// | [`Process`](crate::process::Process), [`Lazy`](crate::Lazy) | a load and a branch | the system call |
/// | `Signal` (feature `signal`) | nothing | a signal to every thread |
/// | [`Fences`] | a full fence | a full fence |
/// | [`Chosen`](crate::Chosen) | a branch, and that of the chosen one | that of the chosen one |
///
/// A light fence of one pair and a heavy fence of another are ordered if the
/// heavy one is a [`Memory`]'s or a `Signal`'s.
///
/// # Nobody else's
/// Unsafe code may rely on a pair to order. So the trait is sealed: what is not
/// of this crate cannot implement it.
///
/// ```compile_fail,E0277
/// #[derive(Clone, Copy)]
/// struct Nothing;
///
/// // error: the trait bound `Nothing: bonfire::barrier::Sealed` is not satisfied
/// impl bonfire::Barrier for Nothing {
///     fn light(self) {}
///     fn heavy(self) {}
///     fn light_store(self) -> std::sync::atomic::Ordering { std::sync::atomic::Ordering::Relaxed }
///     fn light_load(self) -> std::sync::atomic::Ordering { std::sync::atomic::Ordering::Relaxed }
///     fn light_between(self) {}
/// }
/// ```
pub trait Barrier: Sealed + Copy + Send + Sync + 'static {
    /// The light fence, for the frequent side.
    fn light(self);

    /// The heavy fence, for the rare side.
    fn heavy(self);

    /// The order of the light side's store, if [`light_between`](Self::light_between)
    /// follows in place of a light fence: see there.
    #[must_use]
    fn light_store(self) -> Ordering;

    /// The order of the light side's load, if [`light_between`](Self::light_between)
    /// precedes it in place of a light fence: see there.
    #[must_use]
    fn light_load(self) -> Ordering;

    /// What stands between a store of order [`light_store`](Self::light_store) and a
    /// load of order [`light_load`](Self::light_load), which the heavy fence then
    /// orders as if a light fence stood between them.
    ///
    /// Where fences are light that is a light fence, between a `Relaxed` store
    /// and an `Acquire` load. Where they are full it is nothing, and both
    /// accesses are `SeqCst`: a loop that loads again and again pays for one
    /// store, and on x86-64 not for its loads
    /// ([`soundness`](crate::soundness) has the argument).
    ///
    /// ```
    /// use bonfire::Barrier;
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// /// The pointer that is safe to use until `hazard` is cleared.
    /// fn protect<B: Barrier, T>(barrier: B, hazard: &AtomicPtr<T>, shared: &AtomicPtr<T>) -> *mut T {
    ///     let mut pointer = shared.load(Relaxed);
    ///     loop {
    ///         hazard.store(pointer, barrier.light_store());
    ///         barrier.light_between(); // pairs with `heavy` in whoever retires
    ///         let again = shared.load(barrier.light_load());
    ///         if again == pointer { return pointer }
    ///         pointer = again;
    ///     }
    /// }
    /// # let mut value = 1;
    /// # let (hazard, shared) = (AtomicPtr::default(), AtomicPtr::new(&mut value));
    /// # let barrier = bonfire::Policy::Fences.register().unwrap();
    /// # assert_eq!(protect(barrier, &hazard, &shared), hazard.load(Relaxed));
    /// # assert_eq!(protect(bonfire::Fences, &hazard, &shared), hazard.load(Relaxed));
    /// ```
    fn light_between(self);
}

/// What seals [`Barrier`].
pub trait Sealed {}

/// The orders of pairs whose light side is a fence, light or full as it may be.
macro_rules! fence_between {
    () => {
        #[inline(always)]
        fn light_store(self) -> core::sync::atomic::Ordering {
            core::sync::atomic::Ordering::Relaxed
        }

        #[inline(always)]
        fn light_load(self) -> core::sync::atomic::Ordering {
            // UNPAIRED here: the caller's load says with whose store.
            core::sync::atomic::Ordering::Acquire
        }

        #[inline(always)]
        fn light_between(self) {
            // PAIRS(heavy): with the pair's heavy fence, as its light fence does.
            self.light();
        }
    };
}
pub(crate) use fence_between;

impl Sealed for Memory {}

impl Barrier for Memory {
    #[inline(always)]
    fn light(self) {
        // PAIRS(heavy): with the call in `Memory::heavy`.
        crate::light();
    }

    #[inline]
    fn heavy(self) {
        Memory::heavy(self);
    }

    fence_between!();
}

/// Full fences on both sides: needs nothing of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fences;

impl Sealed for Fences {}

impl Barrier for Fences {
    #[inline]
    fn light(self) {
        // PAIRS(both): with `heavy`, of any other thread.
        sys::fence(SeqCst);
    }

    #[inline]
    fn heavy(self) {
        // PAIRS(both): with `light`, of any other thread, and with the two
        // accesses that stand in for it.
        sys::fence(SeqCst);
    }

    /// SeqCst. PAIRS(both): with the fence in `heavy`.
    #[inline(always)]
    fn light_store(self) -> Ordering {
        SeqCst
    }

    /// SeqCst. PAIRS(both): with the fence in `heavy`.
    #[inline(always)]
    fn light_load(self) -> Ordering {
        SeqCst
    }

    #[inline(always)]
    fn light_between(self) {}
}
