//! Areas: pages of a space that were mapped together, and what is in them at first.

use crate::arch::{self, DIRECT_MAP, PAGE};
use crate::frames::Frame;
use crate::memory_files::Contents;
use crate::page_table::{Access, Owner};
use crate::space::{Touch, Untouchable};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::Range;

/// Pages that were mapped together, or what is left of them.
#[derive(Clone)]
pub(crate) struct Area {
    pub(crate) end: u64,
    pub(crate) access: Access,
    pub(crate) backing: Backing,
}

/// What is in an area at first.
#[derive(Clone)]
pub(crate) enum Backing {
    Zeros,
    /// What others have as well, from an offset on.
    Shared(Arc<Contents>, u64),
    /// A file that stays in memory, from this physical address on: its own pages, which
    /// nobody may write.
    File(u64),
    /// Copies of these pages.
    FileCopied(u64),
}

impl Backing {
    /// Whose the page is that lies so far behind the beginning.
    pub(crate) fn page(&self, distance: u64) -> Result<Owner, Untouchable> {
        let owned = |frame: Option<Frame>| frame.map(Owner::Table).ok_or(Untouchable::NoFrame);
        match self {
            Self::Zeros => owned(Frame::zeroed()),
            Self::Shared(contents, from) => contents.frame(from + distance).map(Owner::Other),
            Self::File(at) => Ok(Owner::Other(at + distance)),
            Self::FileCopied(at) => owned(copied(at + distance)),
        }
    }

    /// The same, from so far behind the beginning on.
    fn behind(&self, distance: u64) -> Self {
        match self {
            Self::Zeros => Self::Zeros,
            Self::Shared(contents, from) => Self::Shared(contents.clone(), from + distance),
            Self::File(at) => Self::File(at + distance),
            Self::FileCopied(at) => Self::FileCopied(at + distance),
        }
    }
}

impl Area {
    /// Whether that may be done with its pages.
    pub(crate) fn allows(&self, touch: Touch) -> bool {
        match touch {
            Touch::Read => self.access.read,
            Touch::Write => self.access.write,
            Touch::Execute => self.access.execute,
            Touch::Load => true,
        }
    }

    /// Changes what may be done with it; whether it needs other pages for that.
    pub(crate) fn protect(&mut self, access: Access) -> bool {
        self.access = access;
        match self.backing {
            Backing::File(at) if access.write => {
                self.backing = Backing::FileCopied(at);
                true
            }
            _ => false,
        }
    }
}

/// The areas of a space, by their first addresses.
#[derive(Clone, Default)]
pub(crate) struct Areas(pub(crate) BTreeMap<u64, Area>);

impl Areas {
    /// The area that `address` lies in, and its beginning.
    pub(crate) fn at(&self, address: u64) -> Option<(u64, &Area)> {
        let (&start, area) = self.0.range(..=address).next_back()?;
        (address < area.end).then_some((start, area))
    }

    /// Whether all of `range` lies in areas that are fit.
    pub(crate) fn cover(&self, range: &Range<u64>, is_fit: impl Fn(&Area) -> bool) -> bool {
        let mut place = range.start;
        while place < range.end {
            match self.at(place) {
                Some((_, area)) if is_fit(area) => place = area.end,
                _ => return false,
            }
        }
        true
    }

    /// Makes two areas of one that lies across `address`.
    pub(crate) fn split(&mut self, address: u64) {
        let Some((&start, area)) = self.0.range_mut(..address).next_back() else { return };
        if area.end <= address {
            return;
        }
        let behind = Area { backing: area.backing.behind(address - start), ..area.clone() };
        area.end = address;
        self.0.insert(address, behind);
    }

    /// Takes out what lies in `range`.
    pub(crate) fn carve(&mut self, range: &Range<u64>) -> BTreeMap<u64, Area> {
        self.split(range.start);
        self.split(range.end);
        self.0.extract_if(range.clone(), |_, _| true).collect()
    }
}

/// A new frame with the contents of that one.
pub(crate) fn copied(from: u64) -> Option<Frame> {
    let to = Frame::any()?;
    // SAFETY: two different frames, of which the first is nobody else's yet; any bytes are
    // right, also those that a program is just writing.
    unsafe { to.bytes().copy_from_nonoverlapping((DIRECT_MAP + from) as *const u8, PAGE as usize) };
    arch::publish(to.bytes(), PAGE as usize);
    Some(to)
}
