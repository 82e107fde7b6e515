//! A range of addresses that the system mapped, and unmaps when dropped.

use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use super::page_size;
use crate::{Fault, arch};

/// Addresses that are mapped, or at least taken.
///
/// # Invariants
/// `length` bytes at `first` were mapped by this and belong to nobody else.
pub(super) struct Mapping {
    first: NonNull<u8>,
    length: usize,
}

// SAFETY: it is addresses; who uses them says why that is right.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `length` bytes of `file`, or of no file, anywhere or in reach of `near`.
    pub(super) fn new(
        length: usize,
        protection: i32,
        file: Option<&OwnedFd>,
        near: Option<usize>,
    ) -> Result<Self, Fault> {
        let Some(near) = near else {
            return Self::at(0, 0, length, protection, file);
        };
        let mut places = places_near(near, length);
        let taken = places.find_map(|place| Self::at(place, FIXED, length, protection, file).ok());
        taken.ok_or_else(|| Fault::Memory {
            doing: "find free addresses in reach of a branch",
            because: std::io::ErrorKind::AddrNotAvailable.into(),
        })
    }

    fn at(
        place: usize,
        flags: i32,
        length: usize,
        protection: i32,
        file: Option<&OwnedFd>,
    ) -> Result<Self, Fault> {
        let (kind, file) = match file {
            Some(file) => (libc::MAP_SHARED, file.as_raw_fd()),
            None => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, -1),
        };
        let place = std::ptr::without_provenance_mut(place);
        // SAFETY: new addresses: none is replaced, since without FIXED the place is a wish, and
        // with it the system refuses what is taken.
        let first = unsafe { libc::mmap(place, length, protection, kind | flags, file, 0) };
        let mapped = NonNull::new(first.cast::<u8>()).filter(|_| first != libc::MAP_FAILED);
        // INVARIANT: mapped just now.
        let mapping = mapped.map(|first| Self { first, length });
        mapping
            .filter(|mapping| place.is_null() || mapping.first().addr() == place.addr())
            .ok_or_else(|| Fault::of_memory("map memory for code"))
    }

    pub(super) fn first(&self) -> *mut u8 {
        self.first.as_ptr()
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Changes what may be done with a part of it, which consists of whole pages.
    pub(super) fn protect(&self, first: usize, length: usize, protection: i32) -> Result<(), Fault> {
        assert!(first + length <= self.length, "a part of the mapping");
        // SAFETY: within the mapping.
        let part = unsafe { self.first().add(first) };
        // SAFETY: the pages are this mapping's. Who reads or writes them says why it may.
        let answer = unsafe { libc::mprotect(part.cast(), length, protection) };
        (answer == 0)
            .then_some(())
            .ok_or_else(|| Fault::of_memory("change the protection of memory for code"))
    }

    /// Has a forked child not get it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn keep_from_children(&self) -> Result<(), Fault> {
        // SAFETY: the addresses are this mapping's, and it stays as it is in this process.
        let answer = unsafe { libc::madvise(self.first().cast(), self.length, libc::MADV_DONTFORK) };
        (answer == 0).then_some(()).ok_or_else(|| Fault::of_memory("keep memory for code from children"))
    }
}

#[cfg(target_os = "linux")]
const FIXED: i32 = libc::MAP_FIXED_NOREPLACE;
#[cfg(not(target_os = "linux"))]
const FIXED: i32 = 0;

/// Addresses at which `length` bytes all reach `near` by a branch, in steps of 2 MiB, the
/// nearest first.
fn places_near(near: usize, length: usize) -> impl Iterator<Item = usize> {
    const STEP: usize = 2 << 20;
    let page = page_size();
    let room = arch::REACH.saturating_sub(length);
    (0..=room / STEP).flat_map(move |steps| {
        let after = near.checked_add(steps * STEP).and_then(|place| place.checked_next_multiple_of(page));
        let before = near.checked_sub(length + steps * STEP).map(|place| place & !(page - 1));
        [before, after].into_iter().flatten().filter(move |&place| {
            let end = place.saturating_add(length);
            place != 0 && place.abs_diff(near) <= arch::REACH && end.abs_diff(near) <= arch::REACH
        })
    })
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: by the invariant these are ours, and whoever used them is done: it had a
        // borrow.
        unsafe { libc::munmap(self.first().cast(), self.length) };
    }
}
