//! Memory whose pages are writable first and executable after that.

use std::ops::Range;

use super::mapping::Mapping;
use super::{Memory, page_size};
use crate::Fault;

/// Memory at one address whose pages change what they are: `mprotect(2)`.
///
/// Each function has pages of its own, since a page that is being written cannot be executed.
/// Writing costs two system calls, and interrupts the CPUs that run threads of this process.
/// Code cannot be patched in place. A forked child has a copy of it all, as of the rest of
/// memory.
pub struct Protection(Mapping);

// SAFETY:
// - mapped: by the mapping, which is private to this process.
// - what is written is what is read: it is the same memory.
// - pages are readable and writable, or readable and executable.
// - independent: granules are pages.
unsafe impl Memory for Protection {
    fn reserve(length: usize, near: Option<usize>) -> Result<Self, Fault> {
        Mapping::new(length, libc::PROT_NONE, None, near).map(Self)
    }

    fn executable(&self) -> *const u8 {
        self.0.first()
    }

    fn length(&self) -> usize {
        self.0.length()
    }

    /// A page.
    fn granule() -> usize {
        page_size()
    }

    unsafe fn write(&self, range: Range<usize>, write: &mut dyn FnMut(&mut [u8])) -> Result<(), Fault> {
        assert!(range.start <= range.end && range.end <= self.length(), "written outside its memory");
        let page = page_size();
        let first = range.start & !(page - 1);
        let length = range.end.max(range.start + 1).next_multiple_of(page) - first;
        self.0.protect(first, length, libc::PROT_READ | libc::PROT_WRITE)?;
        // SAFETY: within the mapping.
        let place = unsafe { self.0.first().add(range.start) };
        // SAFETY: readable and writable since just now, zeros at first, and nobody else has
        // this range: the condition of `write`.
        write(unsafe { std::slice::from_raw_parts_mut(place, range.len()) });
        self.0.protect(first, length, libc::PROT_READ | libc::PROT_EXEC)
    }

    fn is_here(&self) -> bool {
        true
    }
}
