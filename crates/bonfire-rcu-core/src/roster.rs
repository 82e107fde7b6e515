//! Records and slots that threads take and give back.
//!
//! They have numbers from 0 and stand in a table that only grows, so that a scan may look
//! at one while its owner gives it back and another takes it: what is free looks as if it
//! were outside. A scan counts them *behind* its heavy fence. So a thread whose record it
//! does not count had not said that it was inside when that fence reached it, and will
//! load what was published before.

use crate::{Machine, Site, Word};

/// Something that one thread has at a time.
pub trait Claimable<M: Machine> {
    /// 0 if nobody has it.
    fn taken(&self) -> &M::Word;
}

/// Where records or slots are, by number.
pub trait Table<E> {
    /// The entry `index`, if it is there.
    fn get(&self, index: usize) -> Option<&E>;

    /// The entry `index`, made if need be; `None` if there is no room for it.
    fn make(&self, index: usize) -> Option<&E>;
}

impl<E, const N: usize> Table<E> for [E; N] {
    fn get(&self, index: usize) -> Option<&E> {
        self.as_slice().get(index)
    }

    fn make(&self, index: usize) -> Option<&E> {
        self.as_slice().get(index)
    }
}

/// A table, and how many of its entries were ever taken.
pub struct Roster<M: Machine, T> {
    count: M::Word,
    table: T,
}

impl<M: Machine, T> Roster<M, T> {
    /// Nobody has taken anything yet.
    #[must_use]
    pub const fn new(table: T) -> Self {
        Self { count: M::Word::ZERO, table }
    }

    /// The word that counts; for a model.
    pub const fn count_word(&self) -> &M::Word {
        &self.count
    }

    /// The table.
    pub const fn table(&self) -> &T {
        &self.table
    }

    /// How many entries were ever taken.
    pub fn count(&self) -> usize {
        self.count.load(Site::Count) as usize
    }

    /// Takes an entry; `None` if there is no room for one more.
    pub fn claim<E: Claimable<M>>(&self) -> Option<&E>
    where
        T: Table<E>,
    {
        let mut free = (0..self.count()).filter_map(|index| self.table.get(index));
        free.find(|entry| take(*entry)).or_else(|| self.claim_new())
    }

    fn claim_new<E: Claimable<M>>(&self) -> Option<&E>
    where
        T: Table<E>,
    {
        loop {
            // Made before it is counted: a table that is full stays so.
            self.table.make(self.count())?;
            let index = self.count.fetch_add(1, Site::More) as usize;
            let entry = self.table.make(index)?;
            // Another thread may have found it free already.
            if take(entry) {
                return Some(entry);
            }
        }
    }

    /// Every entry that was ever taken, in order.
    pub fn iter<'a, E: 'a>(&'a self) -> impl Iterator<Item = &'a E>
    where
        T: Table<E>,
    {
        // One that was counted and is not there yet belongs to a thread that has not
        // been inside.
        (0..self.count()).filter_map(|index| self.table.get(index))
    }
}

/// Takes `entry` if it is free.
fn take<M: Machine>(entry: &impl Claimable<M>) -> bool {
    // PAIRS(seat): with `vacate`, of whoever had it before.
    entry.taken().load(Site::Free) == 0 && entry.taken().swap(1, Site::Claim) == 0
}

/// Gives `entry` back. Nothing of it may be used any longer.
pub(crate) fn vacate<M: Machine>(entry: &impl Claimable<M>) {
    // PAIRS(seat): with `take`, of whoever has it next.
    entry.taken().store(0, Site::Vacate);
}
