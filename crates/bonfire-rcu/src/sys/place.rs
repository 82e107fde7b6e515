//! An entry of a domain's table that one thread has: a record or a slot.

use core::ops::Deref;
use core::ptr::NonNull;

use crate::Reach;

/// An entry, and what keeps its domain alive.
///
/// # Invariants
/// `entry` is one of the domain that `domain` reaches. Entries live as long as their domain
/// and do not move, and [`Reach`] is sealed: what implements it leads to one domain for as
/// long as it exists.
pub(crate) struct Place<D, E> {
    pub(crate) domain: D,
    entry: NonNull<E>,
}

impl<D: Reach, E> Place<D, E> {
    /// The entry that `find` takes in the domain of `domain`.
    pub(crate) fn take(domain: D, find: impl FnOnce(&crate::Domain) -> &E) -> Self {
        let entry = NonNull::from(find(domain.domain()));
        // INVARIANT: what `find` returns can only be of the domain, or live for ever.
        Self { domain, entry }
    }
}

impl<D, E> Deref for Place<D, E> {
    type Target = E;

    #[inline(always)]
    fn deref(&self) -> &E {
        // SAFETY: by the invariant the entry lives while `domain` does, and `self` has it.
        unsafe { self.entry.as_ref() }
    }
}

// SAFETY: a place is a shared reference and what keeps it alive.
unsafe impl<D: Send, E: Sync> Send for Place<D, E> {}
// SAFETY: as above.
unsafe impl<D: Sync, E: Sync> Sync for Place<D, E> {}
