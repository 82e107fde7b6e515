//! Arenas: where code is placed, in reach of a branch.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use range_alloc::RangeAllocator;

use crate::sys::{self, Memory, Usual};
use crate::{Fault, arch};

/// What an arena is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How many bytes of code it has place for; rounded up to pages. Memory is taken from the
    /// system when it is written.
    pub length: usize,
    /// An address that code is to reach by a branch: of a function of the program, say.
    /// The arena is then placed so that all of it reaches there, or there is none.
    pub near: Option<usize>,
}

impl Default for Options {
    /// 16 MiB, anywhere.
    fn default() -> Self {
        Self { length: 16 << 20, near: None }
    }
}

impl Options {
    /// With place for `length` bytes.
    #[must_use]
    pub fn length(self, length: usize) -> Self {
        Self { length, ..self }
    }

    /// Within reach of `address`, by a branch of this architecture.
    #[must_use]
    pub fn near(self, address: usize) -> Self {
        Self { near: Some(address), ..self }
    }

    /// The length in whole pages, all of which reach one another.
    pub(crate) fn rounded(&self) -> Result<usize, Fault> {
        let length = self.length.checked_next_multiple_of(sys::page_size()).unwrap_or(usize::MAX);
        let fits = length > 0 && length <= arch::REACH;
        fits.then_some(length).ok_or(Fault::Exhausted { wanted: self.length, length: arch::REACH })
    }
}

/// A range of memory in which code is placed.
///
/// All of it is in reach of a branch from all of it. No byte of it is ever both writable and
/// executable at one address. Cloning an arena gives another name of the same.
pub struct Arena<M: Memory = Usual>(Arc<Inner<M>>);

struct Inner<M> {
    memory: M,
    free: Mutex<RangeAllocator<usize>>,
}

impl Arena {
    /// An arena of the usual memory: on Linux mapped twice, executable and, elsewhere, writable.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn new() -> Result<Self, Fault> {
        Self::with(Options::default())
    }

    /// The same, as `options` say.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn with(options: Options) -> Result<Self, Fault> {
        Self::of(options)
    }
}

impl<M: Memory> Arena<M> {
    /// An arena of memory of the kind `M`.
    ///
    /// # Errors
    /// [`Fault::Memory`], and [`Fault::Exhausted`] if `length` is 0 or more than a branch
    /// reaches.
    pub fn of(options: Options) -> Result<Self, Fault> {
        let length = options.rounded()?;
        let memory = M::reserve(length, options.near)?;
        Ok(Self(Arc::new(Inner { memory, free: Mutex::new(RangeAllocator::new(0..length)) })))
    }

    /// Where its code is executed: the first address, and the length in bytes.
    #[must_use]
    pub fn addresses(&self) -> Range<usize> {
        let first = self.0.memory.executable().addr();
        first..first + self.0.memory.length()
    }

    /// How many bytes are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.free().allocated_ranges().map(|range| range.len()).sum()
    }

    /// Takes a range.
    pub(crate) fn take(&self, length: usize) -> Result<Space<M>, Fault> {
        if !self.0.memory.is_here() {
            return Err(Fault::Forked);
        }
        let exhausted = || Fault::Exhausted { wanted: length, length: self.0.memory.length() };
        let rounded = length.max(1).checked_next_multiple_of(M::granule()).ok_or_else(exhausted)?;
        let range = self.0.free().allocate_range(rounded).map_err(|_| exhausted())?;
        let first = sys::Address(self.0.memory.executable().wrapping_add(range.start));
        Ok(Space { arena: self.clone(), range, length, first })
    }
}

impl<M> Inner<M> {
    /// What is free. Whole after each step, also if a thread panicked.
    fn free(&self) -> std::sync::MutexGuard<'_, RangeAllocator<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Memory> Clone for Arena<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Memory> fmt::Debug for Arena<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("addresses", &self.addresses()).field("taken", &self.taken()).finish()
    }
}

/// A range of an arena that one piece of code has; free again when dropped.
pub(crate) struct Space<M: Memory> {
    arena: Arena<M>,
    range: Range<usize>,
    length: usize,
    /// Where it is executed: what a call needs, without going through the arena.
    first: sys::Address,
}

impl<M: Memory> Space<M> {
    /// Has `write` write the bytes of `part`, told where they are executed.
    pub(crate) fn write(
        &self,
        part: Range<usize>,
        write: impl FnOnce(usize, &mut [u8]),
    ) -> Result<(), Fault> {
        assert!(part.start <= part.end && part.end <= self.length, "written outside its space");
        let address = self.addresses().start + part.start;
        let in_arena = self.range.start + part.start..self.range.start + part.end;
        let mut write = Some(write);
        sys::write_own(&self.arena.0.memory, in_arena, &mut |bytes| {
            if let Some(write) = write.take() {
                write(address, bytes);
            }
        })
    }

    /// Where it is executed.
    pub(crate) fn addresses(&self) -> Range<usize> {
        let first = self.first.0.addr();
        first..first + self.length
    }

    /// The first byte, where it is executed.
    #[inline(always)]
    pub(crate) fn executable(&self) -> *const u8 {
        self.first.0
    }
}

impl<M: Memory> Drop for Space<M> {
    fn drop(&mut self) {
        self.arena.0.free().free_range(self.range.clone());
    }
}
