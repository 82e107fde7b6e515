//! Guards that may be kept for long and sent.

use core::fmt;
use core::ops::Deref;

use bonfire_rcu_core::Slot;

use crate::fences::Program;
use crate::sys::{Hold, Place, Pointer, Shared};
use crate::{Global, Reach};

/// What a cell held when it was loaded, kept by a slot of the domain: for as long as it
/// takes, across `.await`, and on any thread.
///
/// It keeps one value, and no other garbage; unlike a reference of one's own it touches no
/// counter that other readers touch. It costs a locked instruction, to take the slot.
///
/// ```
/// use bonfire_rcu::Cell;
///
/// let cell = Cell::from_pointee(1);
/// let kept = cell.load_owned();
/// cell.store(2.into());
/// std::thread::spawn(move || assert_eq!(**kept, 1)).join().unwrap();
/// ```
pub struct OwnedGuard<P: Pointer, D: Reach = Global> {
    value: Hold<P>,
    slot: Place<D, Slot<Program>>,
}

impl<P: Pointer, D: Reach> OwnedGuard<P, D> {
    pub(crate) fn load(shared: &Shared<P>, domain: D) -> Self {
        let slot = Place::take(domain, |domain| domain.take_slot());
        Self { value: shared.hold(&slot), slot }
    }

    /// A reference of one's own, for longer still.
    pub fn into_inner(guard: Self) -> P {
        P::clone(&guard)
    }
}

impl<P: Pointer, D: Reach> Deref for OwnedGuard<P, D> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.value
    }
}

impl<P: Pointer, D: Reach> Drop for OwnedGuard<P, D> {
    fn drop(&mut self) {
        self.value.end(&self.slot);
        self.slot.give_back();
    }
}

impl<P: Pointer + fmt::Debug, D: Reach> fmt::Debug for OwnedGuard<P, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        P::fmt(self, f)
    }
}
