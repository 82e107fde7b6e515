//! Address spaces: the areas a program has mapped, and the page tables.
//!
//! A page is given a frame when it is first touched, by the program or by the
//! kernel for it, or at once if that is asked for. Pages that go may still be known
//! to other CPUs, which are told ([`arch::forget`]) before the frames go to
//! anybody else. A fork copies what is private.

use crate::arch::{self, DIRECT_MAP, PAGE, USER_TOP};
use crate::area::{Area, Areas, Backing, copied};
use crate::frames::Frame;
use crate::limits;
use crate::lock::Lock;
use crate::page_table::{Access, Owner, PageTable};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::ops::Range;

/// An address space: Linux's `mm`.
pub(crate) struct Space {
    /// What the engine keeps in it.
    pub(crate) membarrier: crate::membarrier::PerSpace,
    memory: Lock<Memory>,
}

struct Memory {
    table: PageTable,
    areas: Areas,
    /// Where the next area without an address goes.
    next: u64,
    /// From the end of the program's data to the end of its heap (`brk`).
    heap: Range<u64>,
}

/// What was asked for cannot be had: no memory, or no room.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

/// Why a page cannot be touched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Untouchable {
    /// Nothing is mapped there, or not for this.
    NotMapped,
    /// There is no frame left for it.
    NoFrame,
}

/// What is to be done with a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    Read,
    Write,
    Execute,
    /// Anything, whatever the program may: to load it.
    Load,
}

/// Where `mmap` begins to look.
const FIRST_MAPPING: u64 = 0x10_0000_0000;

impl Space {
    /// An empty space.
    pub(crate) fn new() -> Result<Self, OutOfMemory> {
        let table = PageTable::new().ok_or(OutOfMemory)?;
        let memory = Memory { table, areas: Areas::default(), next: FIRST_MAPPING, heap: 0..0 };
        Ok(Self { membarrier: crate::membarrier::PerSpace::new(), memory: Lock::new(memory) })
    }

    /// A copy for a forked process. The caller tells the engine.
    pub(crate) fn fork(&self) -> Result<Self, OutOfMemory> {
        let child = Self::new()?;
        let mut memory = self.memory.lock();
        let mut copy = child.memory.lock();
        copy.areas = memory.areas.clone();
        copy.next = memory.next;
        copy.heap = memory.heap.clone();
        let (areas, table) = (&copy.areas.clone(), &mut copy.table);
        let mut outcome = Ok(());
        memory.table.each(0..USER_TOP, |page, frame, is_lent| {
            let Some((_, area)) = areas.at(page) else { return };
            let owner = if is_lent { Some(Owner::Other(frame)) } else { copied(frame).map(Owner::Table) };
            let mapped = owner.and_then(|owner| table.map(page, owner, area.access));
            outcome = core::mem::replace(&mut outcome, Ok(())).and(mapped.ok_or(OutOfMemory));
        });
        drop((memory, copy));
        outcome.map(|()| child)
    }

    /// Maps `length` bytes at `at`, or where there is room. What was mapped at `at` goes.
    pub(crate) fn map(
        &self,
        at: Option<u64>,
        length: u64,
        access: Access,
        backing: Backing,
    ) -> Result<u64, OutOfMemory> {
        let length = length.checked_next_multiple_of(PAGE).ok_or(OutOfMemory)?;
        let mut memory = self.memory.lock();
        let start = match at {
            Some(at) => at / PAGE * PAGE,
            None => memory.room(length).ok_or(OutOfMemory)?,
        };
        let range = range(start, length).ok_or(OutOfMemory)?;
        memory.check_areas()?;
        let gone = memory.carve(&range);
        memory.areas.0.insert(start, Area { end: range.end, access, backing });
        drop(memory);
        self.forget(gone);
        Ok(start)
    }

    /// Unmaps what is mapped of `start .. start + length`.
    pub(crate) fn unmap(&self, start: u64, length: u64) -> Result<(), OutOfMemory> {
        let range = range(start, length).ok_or(OutOfMemory)?;
        let mut memory = self.memory.lock();
        memory.check_areas()?;
        let gone = memory.carve(&range);
        drop(memory);
        self.forget(gone);
        Ok(())
    }

    /// Changes what may be done with `start .. start + length`, all of which must be mapped.
    pub(crate) fn protect(&self, start: u64, length: u64, access: Access) -> Result<(), OutOfMemory> {
        let range = range(start, length).ok_or(OutOfMemory)?;
        let mut memory = self.memory.lock();
        memory.check_areas()?;
        let Memory { table, areas, .. } = &mut *memory;
        if !areas.cover(&range, |_| true) {
            return Err(OutOfMemory);
        }
        areas.split(range.start);
        areas.split(range.end);
        for (&start, area) in areas.0.range_mut(range.clone()) {
            if area.protect(access) {
                table.unmap(start..area.end, |_| unreachable!("pages of a file are lent"));
            }
        }
        table.protect(range, access);
        drop(memory);
        arch::forget(self);
        Ok(())
    }

    /// Drops the frames of private pages, which are zeros when next touched (`MADV_DONTNEED`).
    pub(crate) fn discard(&self, start: u64, length: u64) -> Result<(), OutOfMemory> {
        let range = range(start, length).ok_or(OutOfMemory)?;
        let mut gone = Vec::new();
        self.memory.lock().table.unmap(range, |frame| gone.push(frame));
        self.forget((gone, BTreeMap::new()));
        Ok(())
    }

    /// Sets the end of the heap, if it can be there; returns where it is.
    pub(crate) fn set_heap_end(&self, end: u64) -> u64 {
        let heap = self.memory.lock().heap.clone();
        let Some(mapped) = heap.end.checked_next_multiple_of(PAGE) else { return heap.end };
        if end < heap.start || end > FIRST_MAPPING {
            return heap.end;
        }
        let wanted = end.next_multiple_of(PAGE);
        let done = if wanted > mapped {
            self.map(Some(mapped), wanted - mapped, READ_WRITE, Backing::Zeros).map(drop)
        } else {
            self.unmap(wanted, mapped - wanted)
        };
        if done.is_ok() {
            self.memory.lock().heap.end = end;
        }
        self.memory.lock().heap.end
    }

    /// Says where the program's data ends, and its heap begins.
    pub(crate) fn begin_heap(&self, at: u64) {
        let at = at.next_multiple_of(PAGE);
        self.memory.lock().heap = at..at;
    }

    /// Whether all of `start .. start + length` is mapped (and writable, if that is
    /// what is meant to be done to it). It may be gone a moment later.
    pub(crate) fn covers(&self, start: u64, length: u64, for_writing: bool) -> bool {
        let Some(end) = start.checked_add(length) else { return false };
        let is_fit = |area: &Area| if for_writing { area.access.write } else { area.access.read };
        self.memory.lock().areas.cover(&(start..end), is_fit)
    }

    /// Whether anything is mapped in `start .. start + length`.
    pub(crate) fn touches(&self, start: u64, length: u64) -> bool {
        let end = start.saturating_add(length);
        let memory = self.memory.lock();
        memory.areas.0.range(..end).next_back().is_some_and(|(_, area)| area.end > start)
    }

    /// The physical address behind `address`: the same for all who share it.
    pub(crate) fn physical(&self, address: u64) -> Result<u64, Untouchable> {
        Ok(self.memory.lock().touch(address, Touch::Read)? + address % PAGE)
    }

    /// Gives the page of `address` a frame, if it may be touched so: what a page
    /// fault asks for.
    pub(crate) fn touch(&self, address: u64, touch: Touch) -> Result<(), Untouchable> {
        self.memory.lock().touch(address, touch).map(drop)
    }

    /// Gives all pages of `start .. start + length` a frame.
    pub(crate) fn populate(&self, start: u64, length: u64) -> Result<(), Untouchable> {
        (start..start + length).step_by(PAGE as usize).try_for_each(|page| self.touch(page, Touch::Load))
    }

    /// Calls `f` with the kernel's view of the `length` bytes at `address`, which lie
    /// in one page. They stay mapped until it returns; it must not take locks.
    pub(crate) fn view<R>(
        &self,
        address: u64,
        length: u64,
        touch: Touch,
        f: impl FnOnce(*mut u8) -> R,
    ) -> Result<R, Untouchable> {
        assert!(address % PAGE + length <= PAGE, "within a page");
        let mut memory = self.memory.lock();
        let frame = memory.touch(address, touch)?;
        Ok(f((DIRECT_MAP + frame + address % PAGE) as *mut u8))
    }

    /// Writes into the space from outside, writable or not: how programs are loaded.
    pub(crate) fn load(&self, address: u64, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let (mut at, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min((PAGE - at % PAGE) as usize));
            self.view(at, now.len() as u64, Touch::Load, |to| {
                // SAFETY: within one frame of this space, of which the kernel holds no reference.
                unsafe { to.copy_from_nonoverlapping(now.as_ptr(), now.len()) };
                arch::publish(to, now.len());
            })
            .map_err(|_| OutOfMemory)?;
            (at, rest) = (at + now.len() as u64, later);
        }
        Ok(())
    }

    /// What is mapped, as `/proc/self/maps` has it.
    pub(crate) fn maps(&self) -> String {
        self.memory.lock().areas.0.iter().fold(String::new(), |mut text, (start, area)| {
            let Area { end, access, backing } = area;
            let may = |is, letter| if is { letter } else { '-' };
            let (r, w, x) = (may(access.read, 'r'), may(access.write, 'w'), may(access.execute, 'x'));
            let share = if matches!(backing, Backing::Shared(..)) { 's' } else { 'p' };
            let name = if *end == USER_TOP - PAGE { " [stack]" } else { "" };
            let _ = writeln!(text, "{start:08x}-{end:08x} {r}{w}{x}{share} 00000000 00:00 0{name}");
            text
        })
    }

    /// Makes this CPU use the space.
    pub(crate) fn use_here(&self) {
        self.memory.lock().table.load();
    }

    /// Lets go of frames that are no longer mapped here, when no CPU can know them.
    fn forget(&self, gone: Gone) {
        if !gone.0.is_empty() || !gone.1.is_empty() {
            arch::forget(self);
        }
        drop(gone);
    }
}

/// What may be done with a heap or a stack.
pub(crate) const READ_WRITE: Access = Access { read: true, write: true, execute: false };

/// Frames and areas that were unmapped, and may still be known to other CPUs.
type Gone = (Vec<Frame>, BTreeMap<u64, Area>);

impl Memory {
    /// Addresses that nobody has had, with an empty page behind, which catches
    /// whoever runs over the end.
    fn room(&mut self, length: u64) -> Option<u64> {
        let start = self.next;
        let next = start.checked_add(length)?.checked_add(PAGE)?;
        (next <= USER_TOP / 2).then(|| self.next = next)?;
        Some(start)
    }

    /// An error if there are so many areas that none may be split.
    fn check_areas(&self) -> Result<(), OutOfMemory> {
        if limits::allows_areas(self.areas.0.len()) { Ok(()) } else { Err(OutOfMemory) }
    }

    /// Removes what is mapped in `range`.
    fn carve(&mut self, range: &Range<u64>) -> Gone {
        let areas = self.areas.carve(range);
        let mut frames = Vec::new();
        if !areas.is_empty() {
            self.table.unmap(range.clone(), |frame| frames.push(frame));
        }
        (frames, areas)
    }

    /// The frame behind `address`, which has one from now on.
    fn touch(&mut self, address: u64, touch: Touch) -> Result<u64, Untouchable> {
        let page = address / PAGE * PAGE;
        let found = self.areas.at(page).filter(|(_, area)| area.allows(touch));
        let (start, area) = found.ok_or(Untouchable::NotMapped)?;
        if let Some(frame) = self.table.frame(page) {
            return Ok(frame);
        }
        let owner = area.backing.page(page - start)?;
        let frame = match &owner {
            Owner::Table(frame) => frame.address(),
            Owner::Other(frame) => *frame,
        };
        self.table.map(page, owner, area.access).ok_or(Untouchable::NoFrame)?;
        Ok(frame)
    }
}

/// The pages of `start .. start + length`, if a program may have them.
fn range(start: u64, length: u64) -> Option<Range<u64>> {
    let end = start.checked_add(length)?.checked_next_multiple_of(PAGE)?;
    (start.is_multiple_of(PAGE) && end <= USER_TOP).then_some(start..end)
}
