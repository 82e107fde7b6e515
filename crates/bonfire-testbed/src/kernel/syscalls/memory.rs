//! Memory of a program.

use super::{Answer, EACCES, EBADF, EEXIST, EINVAL, ENODEV, ENOMEM, owner};
use crate::area::Backing;
use crate::descriptors::File;
use crate::memory_files::Contents;
use crate::page_table::Access;
use crate::space::Space;
use crate::thread::Thread;
use alloc::sync::Arc;
use bonfire_testbed::calls::{Address, Descriptor};

/// What `mmap` is asked for.
pub(super) struct Wish {
    pub(super) at: Address,
    pub(super) length: u64,
    pub(super) protection: u32,
    pub(super) flags: u32,
    pub(super) file: Descriptor,
    pub(super) offset: u64,
}

const SHARED: u32 = 1;
const FIXED: u32 = 0x10;
const ANONYMOUS: u32 = 0x20;
const POPULATE: u32 = 0x8000;
const FIXED_WHERE_FREE: u32 = 0x10_0000;

pub(super) fn map(thread: &Thread, wish: &Wish) -> Answer {
    let space = thread.own_space();
    let Wish { at, length, flags, .. } = *wish;
    if length == 0 || !wish.offset.is_multiple_of(crate::arch::PAGE) {
        return Err(EINVAL);
    }
    let fixed = flags & (FIXED | FIXED_WHERE_FREE) != 0;
    if fixed && !at.0.is_multiple_of(crate::arch::PAGE) {
        return Err(EINVAL);
    }
    if flags & FIXED_WHERE_FREE != 0 && space.touches(at.0, length) {
        return Err(EEXIST);
    }
    let (backing, bytes) = backing(thread, wish)?;
    let start = space.map(fixed.then_some(at.0), length, access(wish.protection), backing)?;
    space.load(start, bytes)?;
    if flags & POPULATE != 0 {
        space.populate(start, length).map_err(|_| ENOMEM)?;
    }
    Ok(start)
}

/// What memory has in it at first, and what is copied there: a file that does not change.
fn backing(thread: &Thread, wish: &Wish) -> Result<(Backing, &'static [u8]), isize> {
    let is_shared = wish.flags & SHARED != 0;
    if wish.flags & ANONYMOUS != 0 {
        let shared = || Backing::Shared(Arc::new(Contents::new(wish.length)), 0);
        return Ok((if is_shared { shared() } else { Backing::Zeros }, &[]));
    }
    let open = owner(thread).descriptors.get(wish.file.0).ok_or(EBADF)?;
    match &open.file {
        File::Memory(contents) if is_shared => Ok((Backing::Shared(contents.clone(), wish.offset), &[])),
        File::Text(_) if is_shared && wish.protection & 2 != 0 => Err(EACCES),
        File::Text(text) => {
            let bytes = text.given().ok_or(ENODEV)?;
            let rest = bytes.get(wish.offset as usize..).unwrap_or(&[]);
            Ok((Backing::Zeros, &rest[..rest.len().min(wish.length as usize)]))
        }
        _ => Err(ENODEV),
    }
}

fn access(protection: u32) -> Access {
    Access { read: protection & 0b111 != 0, write: protection & 2 != 0, execute: protection & 4 != 0 }
}

pub(super) fn protect(space: &Space, at: Address, length: u64, protection: u32) -> Answer {
    if !at.0.is_multiple_of(crate::arch::PAGE) {
        return Err(EINVAL);
    }
    Ok(space.protect(at.0, length, access(protection)).map(|()| 0)?)
}

pub(super) fn advise(space: &Space, at: Address, length: u64, advice: u32) -> Answer {
    const DONT_NEED: u32 = 4;
    const FREE: u32 = 8;
    if matches!(advice, DONT_NEED | FREE) {
        space.discard(at.0, length).map_err(|_| EINVAL)?;
    }
    Ok(0)
}
