//! Page tables of four levels.

use super::boot::{BOOT_TABLE, DIRECT_MAP};
use crate::frames::Frame;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::{PageTable as Table, PageTableFlags as Flags, PhysFrame};
use x86_64::{PhysAddr, VirtAddr};

/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// The end of what ring 3 may map. The last page below the non-canonical hole
/// stays empty, so that no system call returns to an address in the hole.
pub(crate) const USER_TOP: u64 = 0x7fff_ffff_f000;

/// The tables of one address space. The kernel's half is shared by all.
pub(crate) struct PageTable {
    root: Frame,
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

    /// Maps `page` to `frame` for ring 3. `None` without memory for a table.
    pub(crate) fn map(&mut self, page: u64, frame: &Frame, writable: bool) -> Option<()> {
        assert!(page < USER_TOP && page.is_multiple_of(PAGE));
        let address = VirtAddr::new(page);
        let path = [address.p4_index(), address.p3_index(), address.p2_index()];
        let mut table = table_at(self.root.address());
        for index in path {
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
        let writable = if writable { Flags::WRITABLE } else { Flags::empty() };
        // SAFETY: as above.
        let entry = unsafe { &mut (&mut *table)[address.p1_index()] };
        entry.set_addr(PhysAddr::new(frame.address()), Flags::PRESENT | Flags::USER_ACCESSIBLE | writable);
        Some(())
    }

    /// Makes this CPU use these tables.
    pub(crate) fn load(&self) {
        let root = PhysFrame::containing_address(PhysAddr::new(self.root.address()));
        // SAFETY: the kernel's half is there.
        unsafe { Cr3::write(root, Cr3Flags::empty()) };
    }
}

impl Drop for PageTable {
    fn drop(&mut self) {
        // Tables hold no frames of the program: those are its areas'.
        free_below(self.root.address(), 256, 3);
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
        // SAFETY: leaked by `map`, and reachable from here only.
        drop(unsafe { Frame::from_leaked(entry.addr().as_u64()) });
    }
}

fn table_at(physical: u64) -> *mut Table {
    (DIRECT_MAP + physical) as *mut Table
}

/// Removes boot's mapping at 0, on which this CPU no longer stands: null
/// pointers fault from here on.
pub(crate) fn forget_low_half() {
    let boot = (&raw const BOOT_TABLE as u64 + DIRECT_MAP) as *mut u64;
    // SAFETY: an entry that nobody needs once all CPUs are up.
    unsafe { boot.write_volatile(0) };
    tlb::flush_all();
}
