//! Address spaces: the areas a program has mapped, and the page tables.
//!
//! Every area is mapped whole when it is made and stays until the space goes,
//! so there are no page faults to serve and no TLBs to shoot down; a fork copies.

use crate::arch::{PAGE, PageTable, USER_TOP};
use crate::frames::Frame;
use crate::lock::Lock;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// An address space: Linux's `mm`.
pub(crate) struct Space {
    /// What the engine keeps in it.
    pub(crate) membarrier: crate::membarrier::PerSpace,
    memory: Lock<Memory>,
}

struct Memory {
    table: PageTable,
    areas: Vec<Area>,
    /// Where the next area without an address goes.
    next: u64,
}

/// Pages that were mapped together.
struct Area {
    start: u64,
    writable: bool,
    /// A fork shares the frames of this area instead of copying them.
    shared: bool,
    frames: Arc<[Frame]>,
}

/// What was asked for cannot be had: no memory, or no room.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

/// Where `mmap` begins to look.
const FIRST_MAPPING: u64 = 0x10_0000_0000;

impl Space {
    /// An empty space.
    pub(crate) fn new() -> Result<Self, OutOfMemory> {
        let table = PageTable::new().ok_or(OutOfMemory)?;
        let memory = Memory { table, areas: Vec::new(), next: FIRST_MAPPING };
        Ok(Self { membarrier: crate::membarrier::PerSpace::new(), memory: Lock::new(memory) })
    }

    /// A copy for a forked process. The caller tells the engine.
    pub(crate) fn fork(&self) -> Result<Self, OutOfMemory> {
        let child = Self::new()?;
        let memory = self.memory.lock();
        for area in &memory.areas {
            let frames = if area.shared { area.frames.clone() } else { copy(&area.frames)? };
            child.memory.lock().map(Area { frames, ..*area })?;
        }
        child.memory.lock().next = memory.next;
        drop(memory);
        Ok(child)
    }

    /// Maps `length` bytes of zeros, at `at` or where there is room.
    pub(crate) fn map(
        &self,
        at: Option<u64>,
        length: u64,
        writable: bool,
        shared: bool,
    ) -> Result<u64, OutOfMemory> {
        let pages = length.div_ceil(PAGE);
        let mut memory = self.memory.lock();
        let start = at.unwrap_or(memory.next) / PAGE * PAGE;
        if at.is_none() {
            // A page between areas stays empty and catches whoever runs over an end.
            memory.next += (pages + 1) * PAGE;
        }
        if start.checked_add(pages * PAGE).is_none_or(|end| end > USER_TOP) {
            return Err(OutOfMemory);
        }
        memory.map(Area { start, writable, shared, frames: zeroed(pages)? })?;
        Ok(start)
    }

    /// Maps frames that others may have mapped too, where there is room.
    pub(crate) fn map_frames(&self, frames: Arc<[Frame]>, writable: bool) -> Result<u64, OutOfMemory> {
        let mut memory = self.memory.lock();
        let start = memory.next;
        memory.next += (frames.len() as u64 + 1) * PAGE;
        memory.map(Area { start, writable, shared: true, frames })?;
        Ok(start)
    }

    /// Whether all of `start .. start + length` is mapped (and writable, if
    /// that is what is meant to be done to it). Areas never go, so a yes lasts.
    pub(crate) fn covers(&self, start: u64, length: u64, for_writing: bool) -> bool {
        let memory = self.memory.lock();
        let Some(end) = start.checked_add(length) else { return false };
        let mut at = start;
        while at < end {
            let area = memory.areas.iter().find(|area| area.start <= at && at < area.end());
            match area {
                Some(area) if area.writable || !for_writing => at = area.end(),
                _ => return false,
            }
        }
        true
    }

    /// The physical address behind `address`: the same for all who share it.
    pub(crate) fn physical(&self, address: u64) -> Option<u64> {
        let memory = self.memory.lock();
        let area = memory.areas.iter().find(|area| area.start <= address && address < area.end())?;
        let frame = &area.frames[((address - area.start) / PAGE) as usize];
        Some(frame.address() + address % PAGE)
    }

    /// Writes into the space from outside, writable or not: how programs are loaded.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let (mut at, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min((PAGE - at % PAGE) as usize));
            let to = (crate::arch::DIRECT_MAP + self.physical(at).ok_or(OutOfMemory)?) as *mut u8;
            // SAFETY: within one frame of this space, which no CPU runs yet.
            unsafe { to.copy_from_nonoverlapping(now.as_ptr(), now.len()) };
            (at, rest) = (at + now.len() as u64, later);
        }
        Ok(())
    }

    /// Makes this CPU use the space.
    pub(crate) fn load(&self) {
        self.memory.lock().table.load();
    }
}

impl Memory {
    fn map(&mut self, area: Area) -> Result<(), OutOfMemory> {
        for (page, frame) in (area.start..).step_by(PAGE as usize).zip(area.frames.iter()) {
            self.table.map(page, frame, area.writable).ok_or(OutOfMemory)?;
        }
        self.areas.push(area);
        Ok(())
    }
}

impl Area {
    fn end(&self) -> u64 {
        self.start + self.frames.len() as u64 * PAGE
    }
}

/// That many frames of zeros.
pub(crate) fn zeroed(pages: u64) -> Result<Arc<[Frame]>, OutOfMemory> {
    (0..pages).map(|_| Frame::zeroed().ok_or(OutOfMemory)).collect()
}

fn copy(frames: &[Frame]) -> Result<Arc<[Frame]>, OutOfMemory> {
    let copies = zeroed(frames.len() as u64)?;
    for (to, from) in copies.iter().zip(frames) {
        // SAFETY: two different frames, the first ours alone.
        unsafe { to.bytes().copy_from_nonoverlapping(from.bytes(), PAGE as usize) };
    }
    Ok(copies)
}
