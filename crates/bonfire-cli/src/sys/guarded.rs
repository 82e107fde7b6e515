//! A page whose right to be written comes and goes: an interrupt on every CPU that
//! runs this process, by other means than the call that is measured.

use std::io;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

const PAGE: usize = 4096;

/// The page.
///
/// # Invariants
/// A mapping of [`PAGE`] bytes that nobody else knows of, writable except between
/// [`close`](Self::close) and [`open`](Self::open).
pub(crate) struct Guarded(*mut u8);

impl Guarded {
    /// A new one, closed.
    pub(crate) fn map() -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches none
        // that exists.
        let address = unsafe { mmap_anonymous(ptr::null_mut(), PAGE, ProtFlags::READ, MapFlags::PRIVATE) }?;
        Ok(Self(address.cast()))
    }

    /// Lets the page be written, and writes it: its translation is in this CPU's
    /// cache, and may be in others'.
    pub(crate) fn open(&self) {
        if self.protect(MprotectFlags::READ | MprotectFlags::WRITE) {
            // SAFETY: the page is mapped, writable as of now, and nobody else's.
            unsafe { self.0.write_volatile(1) };
        }
    }

    /// Takes that right away: every CPU that runs this process forgets the translation.
    pub(crate) fn close(&self) {
        self.protect(MprotectFlags::READ);
    }

    fn protect(&self, rights: MprotectFlags) -> bool {
        // SAFETY: the mapping is of this value, and no reference into it exists.
        unsafe { mprotect(self.0.cast(), PAGE, rights) }.is_ok()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: as in `protect`; nobody uses the mapping from now on.
        let _ = unsafe { munmap(self.0.cast(), PAGE) };
    }
}
