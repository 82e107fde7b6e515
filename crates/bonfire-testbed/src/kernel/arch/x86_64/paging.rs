//! Page tables of four levels, the upper half of which is the kernel's and shared by all.

use super::boot::{BOOT_TABLE, DIRECT_MAP};
use crate::page_table::{Access, ENTRIES, Table};
use x86_64::PhysAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::{PageTableFlags as Flags, PhysFrame};

pub(crate) use crate::shootdown::forget;

/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// The end of what ring 3 may map. The last page below the non-canonical hole
/// stays empty, so that no system call returns to an address in the hole.
pub(crate) const USER_TOP: u64 = 0x7fff_ffff_f000;
pub(crate) const LEVELS: u32 = 4;

/// An entry of a page table.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Entry(u64);

/// Where an entry has a physical address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Marks the entry of a page that somebody else owns.
const LENT: Flags = Flags::BIT_9;

impl Entry {
    pub(crate) const UNUSED: Self = Self(0);

    /// Of the next table.
    pub(crate) fn table(physical: u64) -> Self {
        let flags = Flags::PRESENT | Flags::WRITABLE | Flags::USER_ACCESSIBLE;
        Self(physical | flags.bits())
    }

    /// Of a page. One of which nothing may be done stays there, and is the kernel's alone.
    pub(crate) fn page(physical: u64, access: Access, is_lent: bool) -> Self {
        let mut flags = Flags::PRESENT;
        flags.set(Flags::USER_ACCESSIBLE, access.is_any());
        flags.set(Flags::WRITABLE, access.write);
        flags.set(Flags::NO_EXECUTE, !access.execute);
        flags.set(LENT, is_lent);
        Self(physical | flags.bits())
    }

    pub(crate) fn is_unused(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn address(self) -> u64 {
        self.0 & ADDRESS
    }

    pub(crate) fn is_lent(self) -> bool {
        self.0 & LENT.bits() != 0
    }
}

/// Puts the kernel's half into a fresh table of the highest level.
pub(crate) fn share_kernel(table: &mut Table) {
    let boot = (&raw const BOOT_TABLE as u64 + DIRECT_MAP) as *const Table;
    // SAFETY: the boot table, of which nobody changes the upper half.
    let boot = unsafe { &*boot };
    table[ENTRIES / 2..].copy_from_slice(&boot[ENTRIES / 2..]);
}

/// Has every CPU fetch what was written there, which may be code of a program about to begin:
/// here caches are coherent.
pub(crate) fn publish(_: *const u8, _: usize) {}

/// Makes this CPU use these tables.
pub(crate) fn load_tables(root: u64) {
    let root = PhysFrame::containing_address(PhysAddr::new(root));
    // SAFETY: the kernel's half is there.
    unsafe { Cr3::write(root, Cr3Flags::empty()) };
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
