//! A reference that is renewed when its cell changed.

use core::ops::Deref;

use crate::{CellOf, Pointer, Reach};

/// A reference of one's own to what a cell held, renewed when the cell holds another.
///
/// Loading takes one load and a comparison, and opens no section. What the cell held
/// before lives until this is asked again.
///
/// ```
/// use bonfire_rcu::{Cache, Cell};
/// let cell = Cell::from_pointee(1);
/// let mut cache = Cache::new(&cell);
/// assert_eq!(**cache.load(), 1);
/// cell.store(2.into());
/// assert_eq!(**cache.load(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Cache<A, P> {
    cell: A,
    held: P,
}

impl<A, P: Pointer> Cache<A, P> {
    /// A cache of `cell`, which may be a reference or an `Arc`.
    pub fn new<D: Reach>(cell: A) -> Self
    where
        A: Deref<Target = CellOf<P, D>>,
    {
        let held = cell.load_full();
        Self { cell, held }
    }

    /// What the cell holds.
    #[inline]
    pub fn load<D: Reach>(&mut self) -> &P
    where
        A: Deref<Target = CellOf<P, D>>,
    {
        // The address cannot have become another's: we hold a reference to what is there.
        if self.cell.raw() != self.held.as_raw() {
            self.held = self.cell.load_full();
        }
        &self.held
    }
}
