//! Memory that is shared: between a parent and its children, or through a memory file
//! (`memfd_create`), in which a program finds it again after it became a new image.

use crate::arch::PAGE;
use crate::frames::Frame;
use crate::lock::Lock;
use crate::space::{OutOfMemory, Untouchable};
use alloc::collections::BTreeMap;
use core::ops::Range;

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

    /// Copies what is at `offset`: zeros where nobody has written.
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) {
        let inside = self.0.lock();
        to.fill(0);
        for (at, part) in pages(offset, to.len()) {
            if let Some(frame) = inside.frames.get(&(at / PAGE * PAGE)) {
                let (to, from) = (&mut to[part], frame.bytes().wrapping_add((at % PAGE) as usize));
                // SAFETY: within the frame, which stays while we hold the lock; programs may
                // write it meanwhile, and any bytes are right.
                unsafe { to.as_mut_ptr().copy_from(from, to.len()) };
            }
        }
    }

    /// Writes at `offset`, and makes the file so long if it is shorter.
    pub(crate) fn write(&self, offset: u64, from: &[u8]) -> Result<(), OutOfMemory> {
        let end = offset.checked_add(from.len() as u64).ok_or(OutOfMemory)?;
        let length = self.length().max(end);
        self.0.lock().length = length;
        for (at, part) in pages(offset, from.len()) {
            self.frame(at / PAGE * PAGE).map_err(|_| OutOfMemory)?;
            let inside = self.0.lock();
            let (frame, from) = (&inside.frames[&(at / PAGE * PAGE)], &from[part]);
            let to = frame.bytes().wrapping_add((at % PAGE) as usize);
            // SAFETY: as in `read`.
            unsafe { to.copy_from(from.as_ptr(), from.len()) };
        }
        Ok(())
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

/// The parts of so many bytes at `offset`, each within a page: where it is, and which bytes.
fn pages(offset: u64, length: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let at = offset + done as u64;
        let count = (length - done).min((PAGE - at % PAGE) as usize);
        let part = done..done + count;
        done += count;
        (count > 0).then_some((at, part))
    })
}

/// Whoever has it mapped would be left with pages that are not there.
pub(crate) struct TooShort;
