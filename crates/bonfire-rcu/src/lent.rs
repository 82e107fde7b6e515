//! Read sections and grace periods without an allocator or a system: records are lent.
//!
//! A [`Lent`] domain has room for as many readers as its type says. It can be a static. It
//! waits by spinning, and drops nothing by itself: whoever has waited does.
//!
//! ```
//! use bonfire_rcu::lent::Lent;
//! use std::sync::atomic::{AtomicUsize, Ordering::*};
//!
//! static DOMAIN: Lent<4> = Lent::new();
//! static CURRENT: AtomicUsize = AtomicUsize::new(0);
//!
//! let reader = DOMAIN.reader().expect("one of four");
//! {
//!     let _section = reader.read();
//!     assert_eq!(CURRENT.load(Acquire), 0);
//! }
//! CURRENT.store(1, Release);
//! DOMAIN.synchronize(); // nobody looks at what 0 stood for
//! ```

use core::fmt;
use core::marker::PhantomData;

use bonfire_rcu_core::{Depth, Grace, Record, Roster, enter, leave};

use crate::fences::Program;

/// A domain with room for `READERS` readers.
pub struct Lent<const READERS: usize> {
    grace: Grace<Program>,
    readers: Roster<Program, [Record<Program>; READERS]>,
}

impl<const READERS: usize> Lent<READERS> {
    /// A domain without readers.
    #[must_use]
    pub const fn new() -> Self {
        Self { grace: Grace::NEW, readers: Roster::new([const { Record::NEW }; READERS]) }
    }

    /// Takes a record; `None` if all are taken.
    pub fn reader(&self) -> Option<Reader<'_>> {
        let record = self.readers.claim()?;
        record.prepare(1);
        Some(Reader { grace: &self.grace, record, depth: Depth::new() })
    }

    /// Waits until every section has ended that is open now.
    ///
    /// It waits for ever if that is one of the calling thread.
    pub fn synchronize(&self) {
        self.grace.synchronize(&Program, &self.readers, &mut |_| {});
    }
}

impl<const READERS: usize> Default for Lent<READERS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const READERS: usize> fmt::Debug for Lent<READERS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("readers_ever", &self.readers.count()).finish_non_exhaustive()
    }
}

/// A reader of a [`Lent`] domain.
pub struct Reader<'d> {
    grace: &'d Grace<Program>,
    record: &'d Record<Program>,
    depth: Depth,
}

impl Reader<'_> {
    /// Enters a section, which ends when what is returned is dropped.
    #[inline(always)]
    pub fn read(&self) -> Section<'_> {
        enter(&Program, self.grace, self.record, &self.depth);
        Section { reader: self, _thread: PhantomData }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.record.give_back(&Program);
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("inside", &self.record.is_inside()).finish_non_exhaustive()
    }
}

/// A section of a [`Reader`].
#[must_use = "a section ends when this is dropped"]
pub struct Section<'r> {
    reader: &'r Reader<'r>,
    _thread: PhantomData<*mut ()>,
}

impl Drop for Section<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        leave(&Program, self.reader.record, &self.reader.depth);
    }
}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").finish_non_exhaustive()
    }
}
