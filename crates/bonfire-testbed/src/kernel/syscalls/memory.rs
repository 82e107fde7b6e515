//! Memory of a program.

use super::{Answer, EINVAL};
use crate::memory_files;
use crate::space::Space;
use bonfire_testbed::calls::{Address, Descriptor};

/// Anonymous memory, private or shared with the children, or all of a memory
/// file. It is all executable.
pub(super) fn map(
    space: &Space,
    at: Address,
    length: u64,
    protection: u32,
    flags: u32,
    file: Descriptor,
    offset: u64,
) -> Answer {
    const WRITE: u32 = 2;
    const SHARED: u32 = 1;
    const FIXED: u32 = 0x10;
    const ANONYMOUS: u32 = 0x20;
    let (writable, shared) = (protection & WRITE != 0, flags & SHARED != 0);
    if length == 0 || length > 1 << 30 || offset != 0 {
        return Err(EINVAL);
    }
    if flags & ANONYMOUS == 0 {
        let frames = memory_files::frames(file.0.into()).filter(|_| shared).ok_or(EINVAL)?;
        return Ok(space.map_frames(frames, writable)?);
    }
    let at = (flags & FIXED != 0).then_some(at.0);
    Ok(space.map(at, length, writable, shared)?)
}
