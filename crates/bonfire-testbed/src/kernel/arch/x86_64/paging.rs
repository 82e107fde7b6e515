//! Page tables of four levels, which own the pages of their programs.

use super::boot::{BOOT_TABLE, DIRECT_MAP};
use crate::frames::Frame;
use core::ops::Range;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::page_table::PageTableEntry as Entry;
use x86_64::structures::paging::{PageTable as Table, PageTableFlags as Flags, PhysFrame};
use x86_64::{PhysAddr, VirtAddr};

/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// The end of what ring 3 may map. The last page below the non-canonical hole
/// stays empty, so that no system call returns to an address in the hole.
pub(crate) const USER_TOP: u64 = 0x7fff_ffff_f000;

/// Marks the entry of a page that somebody else owns.
const LENT: Flags = Flags::BIT_9;
const LEVELS: u32 = 4;

/// What a program may do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) execute: bool,
}

/// The tables of one address space. The kernel's half is shared by all.
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
    /// Tables that map the kernel and nothing else. `None` without memory.
    pub(crate) fn new() -> Option<Self> {
        let root = Frame::zeroed()?;
        let boot = (&raw const BOOT_TABLE as u64 + DIRECT_MAP) as *const Table;
        // SAFETY: the boot table, of which nobody changes the upper half.
        let boot = unsafe { &*boot };
        // SAFETY: a fresh frame.
        let table = unsafe { &mut *table_at(root.address()) };
        for entry in 256..512 {
            table[entry] = boot[entry].clone();
        }
        Some(Self { root })
    }

    /// Maps `page`, of which nothing is mapped, for ring 3. `None` without memory for a table.
    pub(crate) fn map(&mut self, page: u64, owner: Owner, access: Access) -> Option<()> {
        assert!(page < USER_TOP && page.is_multiple_of(PAGE));
        let entry = self.entry(page)?;
        let (frame, lent) = match owner {
            Owner::Table(frame) => (frame.leak(), Flags::empty()),
            Owner::Other(frame) => (frame, LENT),
        };
        entry.set_addr(PhysAddr::new(frame), flags(access) | lent);
        Some(())
    }

    /// The place for a page, with the tables that lead there.
    fn entry(&mut self, page: u64) -> Option<&mut Entry> {
        let address = VirtAddr::new(page);
        let mut table = table_at(self.root.address());
        for index in [address.p4_index(), address.p3_index(), address.p2_index()] {
            // SAFETY: a table of ours, and we are borrowed mutably.
            let entry = unsafe { &mut (&mut *table)[index] };
            if entry.is_unused() {
                let below = Frame::zeroed()?.leak();
                entry.set_addr(
                    PhysAddr::new(below),
                    Flags::PRESENT | Flags::WRITABLE | Flags::USER_ACCESSIBLE,
                );
            }
            table = table_at(entry.addr().as_u64());
        }
        // SAFETY: as above.
        Some(unsafe { &mut (&mut *table)[address.p1_index()] })
    }

    /// The frame behind `page`, if it is mapped.
    pub(crate) fn frame(&mut self, page: u64) -> Option<u64> {
        let mut found = None;
        self.each(page..page + PAGE, |_, frame, _| found = Some(frame));
        found
    }

    /// Calls `visit` with every mapped page of `range`, its frame, and whether that is lent.
    pub(crate) fn each(&mut self, range: Range<u64>, mut visit: impl FnMut(u64, u64, bool)) {
        self.walk(range, &mut |page, entry| {
            visit(page, entry.addr().as_u64(), entry.flags().contains(LENT));
        });
    }

    /// Changes what may be done with the mapped pages of `range`.
    pub(crate) fn protect(&mut self, range: Range<u64>, access: Access) {
        self.walk(range, &mut |_, entry| {
            let lent = entry.flags() & LENT;
            entry.set_flags(flags(access) | lent);
        });
    }

    /// Unmaps `range`; `take` is given the frames that were the table's. Whoever else
    /// has these tables loaded may use them until told.
    pub(crate) fn unmap(&mut self, range: Range<u64>, mut take: impl FnMut(Frame)) {
        self.walk(range, &mut |_, entry| {
            if !entry.flags().contains(LENT) {
                // SAFETY: leaked by `map`, and reachable from this entry only, which goes.
                take(unsafe { Frame::from_leaked(entry.addr().as_u64()) });
            }
            entry.set_unused();
        });
    }

    fn walk(&mut self, range: Range<u64>, visit: &mut dyn FnMut(u64, &mut Entry)) {
        walk(self.root.address(), LEVELS, 0, &range, visit);
    }

    /// Makes this CPU use these tables.
    pub(crate) fn load(&self) {
        let root = PhysFrame::containing_address(PhysAddr::new(self.root.address()));
        // SAFETY: the kernel's half is there.
        unsafe { Cr3::write(root, Cr3Flags::empty()) };
    }
}

/// Calls `visit` with the used entries for `range` below this table, whose first
/// entry is for `base`.
fn walk(table: u64, level: u32, base: u64, range: &Range<u64>, visit: &mut dyn FnMut(u64, &mut Entry)) {
    let size = PAGE << (9 * (level - 1));
    let first = range.start.saturating_sub(base) / size;
    let end = range.end.saturating_sub(base).div_ceil(size).min(512);
    for index in first..end {
        // SAFETY: a table of the space whose owner we borrowed mutably.
        let entry = unsafe { &mut (&mut *table_at(table))[index as usize] };
        let start = base + index * size;
        match entry.is_unused() {
            true => {}
            false if level == 1 => visit(start, entry),
            false => walk(entry.addr().as_u64(), level - 1, start, range, visit),
        }
    }
}

/// A page of which nothing may be done stays there, and is the kernel's alone.
fn flags(access: Access) -> Flags {
    let mut flags = Flags::PRESENT;
    flags.set(Flags::USER_ACCESSIBLE, access.read || access.write || access.execute);
    flags.set(Flags::WRITABLE, access.write);
    flags.set(Flags::NO_EXECUTE, !access.execute);
    flags
}

impl Drop for PageTable {
    fn drop(&mut self) {
        self.unmap(0..USER_TOP, drop);
        free_below(self.root.address(), 256, LEVELS - 1);
    }
}

/// Frees the tables that the first `entries` of this one point at.
fn free_below(table: u64, entries: usize, levels: u32) {
    // SAFETY: tables of an address space that no CPU uses any more.
    let entries = unsafe { (*table_at(table)).iter().take(entries) };
    for entry in entries.filter(|entry| !entry.is_unused()) {
        if levels > 1 {
            free_below(entry.addr().as_u64(), 512, levels - 1);
        }
        // SAFETY: leaked by `entry`, and reachable from here only.
        drop(unsafe { Frame::from_leaked(entry.addr().as_u64()) });
    }
}

fn table_at(physical: u64) -> *mut Table {
    (DIRECT_MAP + physical) as *mut Table
}

/// Makes this CPU forget every translation of a program's.
pub(crate) fn flush() {
    tlb::flush_all();
}

/// Removes boot's mapping at 0, on which this CPU no longer stands: null
/// pointers fault from here on.
pub(crate) fn forget_low_half() {
    let boot = (&raw const BOOT_TABLE as u64 + DIRECT_MAP) as *mut u64;
    // SAFETY: an entry that nobody needs once all CPUs are up.
    unsafe { boot.write_volatile(0) };
    flush();
}
