//! Memory of a program.

use super::{Answer, EBADF, EEXIST, EINVAL, ENOMEM, owner};
use crate::arch::Access;
use crate::descriptors::File;
use crate::memory_files::Contents;
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
    let place = fixed.then_some(at.0);
    let start = space.map(place, length, access(wish.protection), shared(thread, wish)?)?;
    if flags & POPULATE != 0 {
        space.populate(start, length).map_err(|_| ENOMEM)?;
    }
    Ok(start)
}

/// Whose contents the memory has; none for private memory.
fn shared(thread: &Thread, wish: &Wish) -> Result<Option<(Arc<Contents>, u64)>, isize> {
    if wish.flags & ANONYMOUS != 0 {
        let is_shared = wish.flags & SHARED != 0;
        return Ok(is_shared.then(|| (Arc::new(Contents::new(wish.length)), 0)));
    }
    match owner(thread).descriptors.get(wish.file.0) {
        Some(File::Memory(contents)) if wish.flags & SHARED != 0 => Ok(Some((contents, wish.offset))),
        Some(_) => Err(EINVAL),
        None => Err(EBADF),
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
