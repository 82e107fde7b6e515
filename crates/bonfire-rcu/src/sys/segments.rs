//! A table that grows and whose entries never move.
//!
//! | edge | one side | other side |
//! |------|----------|------------|
//! | segment | a segment is made | an entry of it is looked for |

use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire},
};
use std::boxed::Box;

use bonfire_rcu_core::Table;

/// An entry as it is before anybody takes it.
pub(crate) trait Fresh {
    const FRESH: Self;
}

const FIRST_BITS: u32 = 4;
const SEGMENTS: usize = 24;

/// Segments of 16, 16, 32, 64, … entries: each doubles what there was.
///
/// # Invariants
/// Segment `s` is null, or a box of `len(s)` entries that is this table's own until it is
/// dropped.
pub(crate) struct Segments<E>([AtomicPtr<E>; SEGMENTS]);

impl<E> Segments<E> {
    pub(crate) const fn none() -> Self {
        Self([const { AtomicPtr::new(ptr::null_mut()) }; SEGMENTS])
    }

    /// The entry at `place` of `segment`, if that is there.
    fn entry(&self, (segment, place): (usize, usize)) -> Option<&E> {
        // PAIRS(segment): with `grow`. The entries are whole.
        let first = NonNull::new(self.0.get(segment)?.load(Acquire))?;
        debug_assert!(place < len(segment));
        // SAFETY: the segment has `len(segment)` entries, and `place` is below that.
        let entry = unsafe { first.add(place) };
        // SAFETY: the entry lives as long as the table, and is only ever shared.
        Some(unsafe { entry.as_ref() })
    }
}

impl<E: Fresh> Segments<E> {
    /// Makes `segment`, unless somebody else does.
    fn grow(&self, segment: usize) -> Option<()> {
        let place = self.0.get(segment)?;
        let fresh: Box<[E]> = (0..len(segment)).map(|_| E::FRESH).collect();
        let first = Box::into_raw(fresh).cast::<E>();
        // PAIRS(segment): with `entry`.
        let won = place.compare_exchange(ptr::null_mut(), first, AcqRel, Acquire);
        if won.is_err() {
            // SAFETY: it is the box from above, which nobody else has seen.
            drop(unsafe { boxed(first, segment) });
        }
        Some(())
    }
}

impl<E: Fresh> Table<E> for Segments<E> {
    fn get(&self, index: usize) -> Option<&E> {
        self.entry(split(index))
    }

    fn make(&self, index: usize) -> Option<&E> {
        let (segment, place) = split(index);
        if self.entry((segment, place)).is_none() {
            self.grow(segment)?;
        }
        self.entry((segment, place))
    }
}

impl<E> Drop for Segments<E> {
    fn drop(&mut self) {
        for (segment, first) in self.0.iter_mut().enumerate() {
            if !first.get_mut().is_null() {
                // SAFETY: by the invariant, and nobody has a reference any more.
                drop(unsafe { boxed(*first.get_mut(), segment) });
            }
        }
    }
}

/// # Safety
/// `first` came from a box of `len(segment)` entries, which nobody else frees.
unsafe fn boxed<E>(first: *mut E, segment: usize) -> Box<[E]> {
    // SAFETY: the caller's promise.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, len(segment))) }
}

const fn len(segment: usize) -> usize {
    1 << (FIRST_BITS as usize + if segment == 0 { 0 } else { segment - 1 })
}

/// The segment of an entry, and the place in it.
fn split(index: usize) -> (usize, usize) {
    let bits = usize::BITS - index.leading_zeros();
    match bits.checked_sub(FIRST_BITS) {
        None | Some(0) => (0, index),
        Some(segment) => (segment as usize, index - (1 << (bits - 1))),
    }
}

impl Fresh for bonfire_rcu_core::Record<crate::fences::Program> {
    const FRESH: Self = Self::NEW;
}

impl Fresh for bonfire_rcu_core::Slot<crate::fences::Program> {
    const FRESH: Self = Self::NEW;
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Fresh for u32 {
        const FRESH: Self = 7;
    }

    #[test]
    fn every_index_has_one_place() {
        let mut next = (0, 0);
        for index in 0..10_000 {
            assert_eq!(split(index), next);
            next = if next.1 + 1 < len(next.0) { (next.0, next.1 + 1) } else { (next.0 + 1, 0) };
        }
    }

    #[test]
    fn entries_are_made_and_stay() {
        let table = Segments::<u32>::none();
        assert_eq!(table.get(40), None);
        let made = table.make(40).map(ptr::from_ref);
        assert_eq!(table.get(40), Some(&7));
        assert_eq!(table.get(40).map(ptr::from_ref), made);
        assert_eq!((table.get(0), table.make(usize::MAX)), (None, None));
    }
}
