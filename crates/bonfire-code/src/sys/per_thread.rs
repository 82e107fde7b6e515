//! Memory that each thread may write or execute, but not both: Apple's arm64.

use std::ops::Range;
use std::ptr::NonNull;

use super::{Memory, Patchable};
use crate::Fault;

/// Memory of Apple's arm64 (`MAP_JIT`), of which a thread says whether it writes or executes
/// it: `pthread_jit_write_protect_np(3)`.
///
/// Writing makes no system call, and other threads execute meanwhile. A program that is
/// notarised needs the entitlement `com.apple.security.cs.allow-jit`.
///
/// *Not tried: written to Apple's documentation, and checked by the compiler only.*
pub struct PerThread {
    first: NonNull<u8>,
    length: usize,
}

// SAFETY: addresses, which threads use as `Memory` says.
unsafe impl Send for PerThread {}
// SAFETY: as above.
unsafe impl Sync for PerThread {}

/// Has this thread write while it exists.
struct Writing;

impl Writing {
    fn begin() -> Self {
        // SAFETY: this thread executes nothing of such memory until it is dropped: what it
        // executes is this crate's and what `write` does.
        unsafe { libc::pthread_jit_write_protect_np(0) };
        Self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // SAFETY: this thread writes nothing of such memory after this.
        unsafe { libc::pthread_jit_write_protect_np(1) };
    }
}

// SAFETY:
// - mapped: by `reserve`, until it is dropped, and nobody else has the addresses.
// - what is written is what is read: it is the same memory.
// - to a thread its pages are writable or executable.
// - independent: writing changes what this thread may do, and no other.
unsafe impl Memory for PerThread {
    fn reserve(length: usize, near: Option<usize>) -> Result<Self, Fault> {
        let place = std::ptr::without_provenance_mut(near.unwrap_or(0));
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_JIT;
        // SAFETY: new addresses; the place is a wish.
        let first = unsafe { libc::mmap(place, length, protection, flags, -1, 0) };
        let mapped = NonNull::new(first.cast::<u8>()).filter(|_| first != libc::MAP_FAILED);
        let memory = mapped
            .map(|first| Self { first, length })
            .ok_or_else(|| Fault::of_memory("map memory for code"))?;
        let is_near = near.is_none_or(|near| {
            let first = memory.first.addr().get();
            first.abs_diff(near).max((first + length).abs_diff(near)) <= crate::arch::REACH
        });
        is_near.then_some(memory).ok_or_else(|| Fault::Memory {
            doing: "find free addresses in reach of a branch",
            because: std::io::ErrorKind::AddrNotAvailable.into(),
        })
    }

    fn executable(&self) -> *const u8 {
        self.first.as_ptr()
    }

    fn length(&self) -> usize {
        self.length
    }

    /// 16 bytes, as compilers align functions.
    fn granule() -> usize {
        16
    }

    unsafe fn write(&self, range: Range<usize>, write: &mut dyn FnMut(&mut [u8])) -> Result<(), Fault> {
        assert!(range.start <= range.end && range.end <= self.length, "written outside its memory");
        // SAFETY: within the mapping.
        let first = unsafe { self.first.as_ptr().add(range.start) };
        let _writing = Writing::begin();
        // SAFETY: writable by this thread, zeros at first, and nobody else has this range: the
        // condition of `write`.
        write(unsafe { std::slice::from_raw_parts_mut(first, range.len()) });
        Ok(())
    }

    fn is_here(&self) -> bool {
        true
    }
}

// SAFETY: other threads execute while this one writes.
unsafe impl Patchable for PerThread {}

impl Drop for PerThread {
    fn drop(&mut self) {
        // SAFETY: ours, and whoever used them is done: it had a borrow.
        unsafe { libc::munmap(self.first.as_ptr().cast(), self.length) };
    }
}
