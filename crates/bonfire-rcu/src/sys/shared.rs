//! The pointer that a cell shares, and what may be done with it while it is protected.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | publish | a value is put into a cell | a reader loads it |

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed},
};

use bonfire_rcu_core::{Slot, hold, let_go};

use super::{Place, Pointer};
use crate::fences::Program;
use crate::{Guard, Reach};

/// A pointer that threads share.
///
/// # Invariants
/// It came from [`Pointer::into_raw`], and its reference is the cell's. Whoever takes it out
/// retires a reference of the same value in the domain of the cell: the value is dropped
/// only once the sections of that domain have ended that were open, and no slot of it holds
/// the pointer.
pub(crate) struct Shared<P: Pointer>(AtomicPtr<P::Base>, PhantomData<P>);

impl<P: Pointer> Shared<P> {
    pub(crate) fn new(value: P) -> Self {
        Self(AtomicPtr::new(value.into_raw()), PhantomData)
    }

    /// The pointer as it is now, to be compared.
    #[inline]
    pub(crate) fn raw(&self) -> *mut P::Base {
        self.0.load(Relaxed)
    }

    /// What readers in the section of `guard`, which is of the cell's domain, see.
    #[inline(always)]
    pub(crate) fn see<'g, D: Reach>(&self, _guard: &'g Guard<'_, D>) -> P::Seen<'g> {
        // PAIRS(publish): with `swap`. We will read what it points to.
        let raw = self.0.load(Acquire);
        // SAFETY: loaded inside a section that lasts for `'g`; by the invariant the
        // reference is dropped after that.
        unsafe { P::see(raw) }
    }

    /// The value as it is now, borrowed from the cell for as long as a section lasts.
    #[inline(always)]
    pub(crate) fn borrow(&self) -> SharedBorrow<P> {
        // PAIRS(publish): with `swap`. We will read what it points to.
        let raw = self.0.load(Acquire);
        // SAFETY: the reference is the cell's, so it is not dropped here; what is made of it
        // says that it is to be used inside a section.
        SharedBorrow(ManuallyDrop::new(unsafe { P::from_raw(raw) }))
    }

    /// Puts `new` in, and takes out what was there; to be retired.
    pub(crate) fn swap(&self, new: P) -> P {
        // PAIRS(publish): with readers' loads, for what we put in; and with another `swap`,
        // for what we take out.
        let old = self.0.swap(new.into_raw(), AcqRel);
        // SAFETY: it was the cell's reference, and is ours now.
        unsafe { P::from_raw(old) }
    }

    /// The same if `current` is there; `new` comes back if not.
    pub(crate) fn swap_if(&self, current: *mut P::Base, new: P) -> Result<P, P> {
        let raw = new.into_raw();
        // PAIRS(publish): as in `swap`.
        match self.0.compare_exchange(current, raw, AcqRel, Acquire) {
            // SAFETY: as in `swap`.
            Ok(old) => Ok(unsafe { P::from_raw(old) }),
            // SAFETY: it did not get in, so the reference is still ours.
            Err(_) => Err(unsafe { P::from_raw(raw) }),
        }
    }

    /// Loads the pointer into `slot` of the cell's domain, which holds it from then on.
    pub(crate) fn hold(&self, slot: &Slot<Program>) -> Hold<P> {
        // PAIRS(publish): with `swap`. We will read what it points to.
        let load = || self.0.load(Acquire);
        let mut raw = core::ptr::null_mut();
        hold(&Program, slot, || {
            raw = load();
            raw.expose_provenance() as u64
        });
        // SAFETY: the reference is the cell's, so it is not dropped here. By the invariant
        // nobody drops it while the slot holds it.
        Hold(ManuallyDrop::new(unsafe { P::from_raw(raw) }))
    }
}

impl<P: Pointer> Drop for Shared<P> {
    fn drop(&mut self) {
        // SAFETY: the cell's own reference, which nobody else can take any more. For readers
        // the cell has retired another one of the same value.
        drop(unsafe { P::from_raw(*self.0.get_mut()) });
    }
}

/// A value borrowed from a cell: usable while a section lasts that was open when it was
/// loaded.
pub(crate) struct SharedBorrow<P>(ManuallyDrop<P>);

impl<P> Deref for SharedBorrow<P> {
    type Target = P;

    #[inline(always)]
    fn deref(&self) -> &P {
        &self.0
    }
}

/// A value that a slot holds: usable until [`Hold::end`].
pub(crate) struct Hold<P>(ManuallyDrop<P>);

impl<P> Hold<P> {
    pub(crate) fn end<D>(&mut self, slot: &Place<D, Slot<Program>>) {
        let_go::<Program>(slot);
    }
}

impl<P> Deref for Hold<P> {
    type Target = P;

    #[inline(always)]
    fn deref(&self) -> &P {
        &self.0
    }
}
