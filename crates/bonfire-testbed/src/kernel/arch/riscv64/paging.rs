//! Page tables of Sv48: four levels, the upper half of which is the kernel's and shared by all.
//!
//! Every hart that RISC-V profiles call fit for Linux has Sv39; the kernel wants the level more
//! because it gives no address to a program twice.

use super::boot::{BOOT_TABLE, DIRECT_MAP, KERNEL_OFFSET};
use crate::page_table::{Access, ENTRIES, Table};
use core::arch::asm;

pub(crate) use crate::shootdown::forget;

/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// The end of what user mode may map.
pub(crate) const USER_TOP: u64 = 0x7fff_ffff_f000;
pub(crate) const LEVELS: u32 = 4;
/// The mode in `satp`.
pub(super) const SV48: i64 = (9u64 << 60) as i64;

/// An entry of a page table (privileged architecture 4.4 and 4.5).
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Entry(u64);

const VALID: u64 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
/// Set from the beginning: nobody asks what was used.
const ACCESSED_AND_DIRTY: u64 = 3 << 6;
/// Marks the entry of a page that somebody else owns: one of two bits that are software's.
const LENT: u64 = 1 << 8;
/// Where an entry has the number of a frame, and how far that is from its address.
const FRAME: u64 = ((1 << 44) - 1) << 10;
const SHIFT: u32 = 2;

impl Entry {
    pub(crate) const UNUSED: Self = Self(0);

    /// Of the next table.
    pub(crate) fn table(physical: u64) -> Self {
        Self(physical >> SHIFT | VALID)
    }

    /// Of a page. One of which nothing may be done stays there, and is the kernel's alone;
    /// without a right at all it would be a table. What can be written can be read.
    pub(crate) fn page(physical: u64, access: Access, is_lent: bool) -> Self {
        let flag = |is, flag| if is { flag } else { 0 };
        let flags = VALID
            | ACCESSED_AND_DIRTY
            | flag(access.read || access.write || !access.is_any(), READ)
            | flag(access.write, WRITE)
            | flag(access.execute, EXECUTE)
            | flag(access.is_any(), USER)
            | flag(is_lent, LENT);
        Self(physical >> SHIFT | flags)
    }

    pub(crate) fn is_unused(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn address(self) -> u64 {
        (self.0 & FRAME) << SHIFT
    }

    pub(crate) fn is_lent(self) -> bool {
        self.0 & LENT != 0
    }
}

/// Where the table of boot is in the direct map.
fn boot_table() -> *mut Table {
    ((&raw const BOOT_TABLE) as u64 - KERNEL_OFFSET + DIRECT_MAP) as *mut Table
}

/// Puts the kernel's half into a fresh table of the highest level.
pub(crate) fn share_kernel(table: &mut Table) {
    // SAFETY: the boot table, of which nobody changes the upper half.
    let boot = unsafe { &*boot_table() };
    table[ENTRIES / 2..].copy_from_slice(&boot[ENTRIES / 2..]);
}

/// Has this CPU fetch what was written there, which may be code of a program about to begin. On
/// hardware the other CPUs would have to be asked, as Linux asks them; the emulator translates
/// what it finds.
pub(crate) fn publish(_: *const u8, _: usize) {
    super::serialise();
}

/// Makes this CPU use these tables.
pub(crate) fn load_tables(root: u64) {
    let tables = root >> PAGE.ilog2() | SV48 as u64;
    // SAFETY: the kernel's half is there.
    unsafe { asm!("csrw satp, {}", in(reg) tables, options(nostack)) };
    flush();
}

/// Makes this CPU forget every translation of a program's.
pub(crate) fn flush() {
    // SAFETY: what is forgotten is looked up again.
    unsafe { asm!("sfence.vma", options(nostack)) };
}

/// Removes boot's mapping at 0, on which this CPU no longer stands: null
/// pointers fault from here on.
pub(crate) fn forget_low_half() {
    // SAFETY: an entry that nobody needs once all CPUs are up.
    unsafe { boot_table().cast::<u64>().write_volatile(0) };
    flush();
}
