//! Page tables of four levels, of programs alone: the kernel has a register and a table of
//! its own.
//!
//! Every program has the same number (ASID 0), so that a CPU that goes to other tables forgets
//! what it knew. Other CPUs are made to forget by an instruction, and not by an interrupt.

use super::boot::{ACCESSED, CACHED, NOT_FOR_KERNEL, NOT_FOR_USER, SHARED};
use crate::page_table::{Access, Table};
use crate::space::Space;
use core::arch::asm;

/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// The end of what programs may map.
pub(crate) const USER_TOP: u64 = 1 << 48;
pub(crate) const LEVELS: u32 = 4;

/// An entry of a page table.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Entry(u64);

/// Where an entry has a physical address.
const ADDRESS: u64 = 0xffff_ffff_f000;
/// Of a table, and on the lowest level of a page.
const PRESENT: u64 = 0b11;
const FOR_USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const OF_ONE_SPACE: u64 = 1 << 11;
/// Marks the entry of a page that somebody else owns.
const LENT: u64 = 1 << 55;

impl Entry {
    pub(crate) const UNUSED: Self = Self(0);

    /// Of the next table.
    pub(crate) fn table(physical: u64) -> Self {
        Self(physical | PRESENT)
    }

    /// Of a page. One of which nothing may be done stays there, and is the kernel's alone.
    pub(crate) fn page(physical: u64, access: Access, is_lent: bool) -> Self {
        let set = |is, flag| if is { flag } else { 0 };
        Self(
            physical
                | PRESENT
                | CACHED
                | SHARED
                | ACCESSED
                | OF_ONE_SPACE
                | NOT_FOR_KERNEL
                | set(access.is_any(), FOR_USER)
                | set(!access.write, READ_ONLY)
                | set(!access.execute, NOT_FOR_USER)
                | set(is_lent, LENT),
        )
    }

    pub(crate) fn is_unused(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn address(self) -> u64 {
        self.0 & ADDRESS
    }

    pub(crate) fn is_lent(self) -> bool {
        self.0 & LENT != 0
    }
}

/// The kernel is in none of them.
pub(crate) fn share_kernel(_: &mut Table) {}

/// Has every CPU fetch what was written there, which may be code of a program about to begin:
/// cleans it to where instructions are fetched from.
pub(crate) fn publish(at: *const u8, length: usize) {
    /// The shortest that a line of the cache can be.
    const LINE: usize = 16;
    for line in (at as usize / LINE * LINE..at as usize + length).step_by(LINE) {
        // SAFETY: writes back what is there.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: drops copies, behind what was written back.
    unsafe { asm!("dsb ish", "ic ialluis", "dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// Makes this CPU use these tables.
pub(crate) fn load_tables(root: u64) {
    // SAFETY: tables of a program's, on which the kernel does not stand.
    unsafe { asm!("msr ttbr0_el1, {}", "isb", in(reg) root, options(nostack, preserves_flags)) };
    flush();
}

/// Makes this CPU forget every translation of a program's.
pub(crate) fn flush() {
    // SAFETY: behind the change of the tables, whose old entries are not used behind it.
    unsafe { asm!("dsb ishst", "tlbi aside1, xzr", "dsb nsh", "isb", options(nostack, preserves_flags)) };
}

/// Makes every CPU forget what it knows of the space's pages, and waits until they have.
pub(crate) fn forget(_: &Space) {
    // SAFETY: as above, on all CPUs.
    unsafe { asm!("dsb ishst", "tlbi aside1is, xzr", "dsb ish", "isb", options(nostack, preserves_flags)) };
}
