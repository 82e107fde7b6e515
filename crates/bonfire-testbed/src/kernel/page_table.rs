//! Page tables, which own the pages of their programs: tables of 512 entries on as many
//! levels as the architecture has. What an entry looks like is the architecture's.

use crate::arch::{self, DIRECT_MAP, Entry, LEVELS, PAGE, USER_TOP};
use crate::frames::Frame;
use core::ops::Range;

/// How many entries a table has.
pub(crate) const ENTRIES: usize = 512;
/// A table.
pub(crate) type Table = [Entry; ENTRIES];

/// What a program may do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) execute: bool,
}

impl Access {
    /// Whether it may do anything.
    pub(crate) fn is_any(self) -> bool {
        self.read || self.write || self.execute
    }
}

/// The tables of one address space.
pub(crate) struct PageTable {
    root: Frame,
}

/// Whose the frame of a page is.
pub(crate) enum Owner {
    /// The table's, from now on.
    Table(Frame),
    /// Somebody else's, who keeps it for as long as it is mapped: its address.
    Other(u64),
}

impl PageTable {
    /// Tables that map the kernel, if it is in them, and nothing else. `None` without memory.
    pub(crate) fn new() -> Option<Self> {
        let root = Frame::zeroed()?;
        // SAFETY: a fresh frame, and zero is an entry.
        arch::share_kernel(unsafe { &mut *table_at(root.address()) });
        Some(Self { root })
    }

    /// Maps `page`, of which nothing is mapped, for user mode. `None` without memory for a table.
    pub(crate) fn map(&mut self, page: u64, owner: Owner, access: Access) -> Option<()> {
        assert!(page < USER_TOP && page.is_multiple_of(PAGE));
        let entry = self.entry(page)?;
        *entry = match owner {
            Owner::Table(frame) => Entry::page(frame.leak(), access, false),
            Owner::Other(frame) => Entry::page(frame, access, true),
        };
        Some(())
    }

    /// The place for a page, with the tables that lead there.
    fn entry(&mut self, page: u64) -> Option<&mut Entry> {
        let mut table = table_at(self.root.address());
        for level in (2..=LEVELS).rev() {
            // SAFETY: a table of ours, and we are borrowed mutably.
            let entry = unsafe { &mut (&mut *table)[index(page, level)] };
            if entry.is_unused() {
                *entry = Entry::table(Frame::zeroed()?.leak());
            }
            table = table_at(entry.address());
        }
        // SAFETY: as above.
        Some(unsafe { &mut (&mut *table)[index(page, 1)] })
    }

    /// The frame behind `page`, if it is mapped.
    pub(crate) fn frame(&mut self, page: u64) -> Option<u64> {
        let mut found = None;
        self.each(page..page + PAGE, |_, frame, _| found = Some(frame));
        found
    }

    /// Calls `visit` with every mapped page of `range`, its frame, and whether that is lent.
    pub(crate) fn each(&mut self, range: Range<u64>, mut visit: impl FnMut(u64, u64, bool)) {
        self.walk(range, &mut |page, entry| visit(page, entry.address(), entry.is_lent()));
    }

    /// Changes what may be done with the mapped pages of `range`.
    pub(crate) fn protect(&mut self, range: Range<u64>, access: Access) {
        self.walk(range, &mut |_, entry| *entry = Entry::page(entry.address(), access, entry.is_lent()));
    }

    /// Unmaps `range`; `take` is given the frames that were the table's. Whoever else
    /// has these tables loaded may use them until told.
    pub(crate) fn unmap(&mut self, range: Range<u64>, mut take: impl FnMut(Frame)) {
        self.walk(range, &mut |_, entry| {
            if !entry.is_lent() {
                // SAFETY: leaked by `map`, and reachable from this entry only, which goes.
                take(unsafe { Frame::from_leaked(entry.address()) });
            }
            *entry = Entry::UNUSED;
        });
    }

    fn walk(&mut self, range: Range<u64>, visit: &mut dyn FnMut(u64, &mut Entry)) {
        walk(self.root.address(), LEVELS, 0, &range, visit);
    }

    /// Makes this CPU use these tables.
    pub(crate) fn load(&self) {
        arch::load_tables(self.root.address());
    }
}

/// How many bytes an entry of a table on that level is for.
fn size(level: u32) -> u64 {
    PAGE << (ENTRIES.ilog2() * (level - 1))
}

/// The entry for an address, in a table on that level.
fn index(address: u64, level: u32) -> usize {
    (address / size(level)) as usize % ENTRIES
}

/// Calls `visit` with the used entries for `range` below this table, whose first
/// entry is for `base`.
fn walk(table: u64, level: u32, base: u64, range: &Range<u64>, visit: &mut dyn FnMut(u64, &mut Entry)) {
    let size = size(level);
    let first = range.start.saturating_sub(base) / size;
    let end = range.end.saturating_sub(base).div_ceil(size).min(ENTRIES as u64);
    for index in first..end {
        // SAFETY: a table of the space whose owner we borrowed mutably.
        let entry = unsafe { &mut (&mut *table_at(table))[index as usize] };
        let start = base + index * size;
        match entry.is_unused() {
            true => {}
            false if level == 1 => visit(start, entry),
            false => walk(entry.address(), level - 1, start, range, visit),
        }
    }
}

impl Drop for PageTable {
    fn drop(&mut self) {
        self.unmap(0..USER_TOP, drop);
        free_below(self.root.address(), index(USER_TOP - 1, LEVELS) + 1, LEVELS - 1);
    }
}

/// Frees the tables that the first `entries` of this one point at.
fn free_below(table: u64, entries: usize, levels: u32) {
    // SAFETY: tables of an address space that no CPU uses any more.
    let entries = unsafe { (*table_at(table)).iter().take(entries) };
    for entry in entries.filter(|entry| !entry.is_unused()) {
        if levels > 1 {
            free_below(entry.address(), ENTRIES, levels - 1);
        }
        // SAFETY: leaked by `entry`, and reachable from here only.
        drop(unsafe { Frame::from_leaked(entry.address()) });
    }
}

fn table_at(physical: u64) -> *mut Table {
    (DIRECT_MAP + physical) as *mut Table
}
