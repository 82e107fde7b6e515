//! Memory that is shared: between a parent and its children, or through a memory file
//! (`memfd_create`), in which a program finds it again after it became a new image.

use crate::arch::PAGE;
use crate::frames::Frame;
use crate::lock::Lock;
use crate::space::Untouchable;
use alloc::collections::BTreeMap;

/// What is shared: zeros, until somebody writes.
pub(crate) struct Contents(Lock<Inside>);

struct Inside {
    length: u64,
    /// By their offsets. A frame that was handed out stays until nobody shares it.
    frames: BTreeMap<u64, Frame>,
}

impl Contents {
    /// Zeros of that length.
    pub(crate) fn new(length: u64) -> Self {
        Self(Lock::new(Inside { length, frames: BTreeMap::new() }))
    }

    /// Makes it longer; it never becomes shorter.
    pub(crate) fn set_length(&self, length: u64) -> Result<(), TooShort> {
        let mut inside = self.0.lock();
        if length < inside.length {
            return Err(TooShort);
        }
        inside.length = length;
        Ok(())
    }

    /// How long it is, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.0.lock().length
    }

    /// The frame for the page at `offset`, by its address.
    pub(crate) fn frame(&self, offset: u64) -> Result<u64, Untouchable> {
        let mut inside = self.0.lock();
        if offset >= inside.length.next_multiple_of(PAGE) {
            return Err(Untouchable::NotMapped);
        }
        if let Some(frame) = inside.frames.get(&offset) {
            return Ok(frame.address());
        }
        let frame = Frame::zeroed().ok_or(Untouchable::NoFrame)?;
        Ok(inside.frames.entry(offset).or_insert(frame).address())
    }
}

/// Whoever has it mapped would be left with pages that are not there.
pub(crate) struct TooShort;
