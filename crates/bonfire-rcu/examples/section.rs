//! Read sections as a compiler sees them, for `cargo xtask asm` to look at.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, SeqCst},
    fence,
};

use bonfire_rcu::lent::Reader;

/// A section of a lent record.
#[inline(never)]
pub fn section_lent(reader: &Reader<'_>, shared: &AtomicUsize) -> usize {
    let _section = reader.read();
    shared.load(Acquire)
}

/// The twin, in which a full fence must be seen.
#[inline(never)]
pub fn section_full(reader: &Reader<'_>, shared: &AtomicUsize) -> usize {
    let _section = reader.read();
    fence(SeqCst);
    shared.load(Acquire)
}

#[cfg(feature = "std")]
pub use with_std::*;

#[cfg(feature = "std")]
mod with_std {
    use bonfire_rcu::{Cell, Global, Handle, Solo};

    /// A section of a handle, one at a time.
    #[inline(never)]
    pub fn section_solo(solo: &mut Solo<'_>, cell: &Cell<u64>) -> u64 {
        *cell.see(&solo.read())
    }

    /// A section of a handle.
    #[inline(never)]
    pub fn section_handle(handle: &Handle, cell: &Cell<u64>) -> u64 {
        *cell.see(&handle.read())
    }

    /// A section of the thread.
    #[inline(never)]
    pub fn section_local(cell: &Cell<u64>) -> u64 {
        *cell.see(&Global::read())
    }

    /// A section that lasts as long as what was loaded.
    #[inline(never)]
    pub fn section_load(cell: &Cell<u64>) -> u64 {
        **cell.load()
    }
}
