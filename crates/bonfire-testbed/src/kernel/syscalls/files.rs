//! Descriptors: the serial line, and memory files.

use super::{Answer, EINVAL};
use crate::thread::Thread;
use crate::{memory_files, serial, user};
use bonfire_testbed::calls::{Address, Descriptor};

/// To the serial line. A line that fits the buffer stays in one piece.
pub(super) fn write(thread: &Thread, descriptor: Descriptor, from: Address, length: u64) -> Answer {
    if !matches!(descriptor, Descriptor(1 | 2)) {
        return Err(EINVAL);
    }
    let mut buffer = [0; 512];
    for start in (0..length).step_by(buffer.len()) {
        let part = &mut buffer[..(length - start).min(512) as usize];
        user::read_bytes(thread.own_space(), from.0.wrapping_add(start), part)?;
        serial::send(part);
    }
    Ok(length)
}

/// A memory file without contents.
pub(super) fn create() -> Answer {
    Ok(memory_files::create())
}

/// Gives a memory file its contents.
pub(super) fn set_length(file: Descriptor, length: u64) -> Answer {
    memory_files::set_length(file.0.into(), length).map(|()| 0).map_err(|_| EINVAL)
}
