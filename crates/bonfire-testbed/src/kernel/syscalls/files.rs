//! Descriptors: the serial line, memory files, and texts about the machine.

use super::{Answer, EBADF, EFAULT, EINVAL, ENOENT, ESPIPE, owner};
use crate::descriptors::{File, Text};
use crate::lock::Lock;
use crate::memory_files::Contents;
use crate::thread::Thread;
use crate::{given, serial, system_files, user};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bonfire_testbed::calls::{Address, Descriptor};

fn get(thread: &Thread, descriptor: Descriptor) -> Result<File, isize> {
    owner(thread).descriptors.get(descriptor.0).ok_or(EBADF)
}

/// From where reading stopped, or from `offset`.
pub(super) fn read(
    thread: &Thread,
    descriptor: Descriptor,
    to: Address,
    length: u64,
    offset: Option<u64>,
) -> Answer {
    let text = match get(thread, descriptor)? {
        File::Nothing => return Ok(0),
        File::Text(text) => text,
        File::Line(_) | File::Memory(_) => return Err(EINVAL),
    };
    let from = offset.map_or(*text.read.lock(), |offset| offset as usize);
    let rest = text.bytes.get(from..).unwrap_or(&[]);
    let part = &rest[..rest.len().min(length as usize)];
    user::write_bytes(thread.own_space(), to.0, part)?;
    if offset.is_none() {
        *text.read.lock() = from + part.len();
    }
    Ok(part.len() as u64)
}

/// To the serial line. A line that fits the buffer stays in one piece.
pub(super) fn write(thread: &Thread, descriptor: Descriptor, from: Address, length: u64) -> Answer {
    let File::Line(source) = get(thread, descriptor)? else { return Err(EBADF) };
    let mut buffer = [0; 512];
    for start in (0..length).step_by(buffer.len()) {
        let part = &mut buffer[..(length - start).min(512) as usize];
        user::read_bytes(thread.own_space(), from.0.wrapping_add(start), part)?;
        if given::is_given() { serial::send_piece(source, part) } else { serial::send(part) }
    }
    Ok(length)
}

pub(super) fn write_parts(thread: &Thread, descriptor: Descriptor, parts: Address, count: u32) -> Answer {
    const MOST: u32 = 1024;
    if count > MOST {
        return Err(EINVAL);
    }
    let mut written = 0;
    for part in 0..u64::from(count) {
        let [from, length]: [u64; 2] = user::read(thread.own_space(), parts.0.wrapping_add(16 * part))?;
        written += write(thread, descriptor, Address(from), length)?;
    }
    Ok(written)
}

/// A text about the machine, as it is now.
pub(super) fn open(thread: &Thread, path: Address) -> Answer {
    let path = string(thread, path.0)?;
    let path = core::str::from_utf8(&path).map_err(|_| ENOENT)?;
    let bytes = system_files::read(thread, path).map(String::into_bytes).ok_or(ENOENT)?;
    let file = File::Text(Arc::new(Text { bytes, read: Lock::new(0) }));
    Ok(owner(thread).descriptors.open(file).into())
}

/// A C string, as far as names are long.
pub(super) fn string(thread: &Thread, at: u64) -> Result<Vec<u8>, isize> {
    const LONGEST: u64 = 4096;
    let mut string = Vec::new();
    for place in at..at.checked_add(LONGEST).ok_or(EFAULT)? {
        let mut byte = [0];
        user::read_bytes(thread.own_space(), place, &mut byte)?;
        if byte == [0] {
            return Ok(string);
        }
        string.extend(byte);
    }
    Err(EINVAL)
}

pub(super) fn close(thread: &Thread, descriptor: Descriptor) -> Answer {
    if owner(thread).descriptors.close(descriptor.0) { Ok(0) } else { Err(EBADF) }
}

pub(super) fn seek(thread: &Thread, descriptor: Descriptor, offset: u64, from: u32) -> Answer {
    const START: u32 = 0;
    const HERE: u32 = 1;
    let File::Text(text) = get(thread, descriptor)? else { return Err(ESPIPE) };
    let mut place = text.read.lock();
    *place = match from {
        START => offset as usize,
        HERE => place.wrapping_add(offset as usize),
        _ => text.bytes.len().wrapping_add(offset as usize),
    };
    Ok(*place as u64)
}

/// Linux's `struct stat`, of which the kind, the length and the size of a block are filled in.
pub(super) fn status(thread: &Thread, descriptor: Descriptor, status: Address) -> Answer {
    const LINKS: usize = 2;
    const MODE: usize = 3;
    const LENGTH: usize = 6;
    const BLOCK: usize = 7;
    let (kind, length) = kind(&get(thread, descriptor)?);
    let mut words = [0u64; 18];
    (words[LINKS], words[MODE], words[LENGTH], words[BLOCK]) = (1, kind, length, 4096);
    user::write(thread.own_space(), status.0, words)?;
    Ok(0)
}

/// Linux's `struct statx`, likewise. By name there are the folder of the CPUs and the texts in it.
pub(super) fn long_status_of(thread: &Thread, file: Descriptor, path: Address, status: Address) -> Answer {
    const FOLDER: u64 = 0o040_755;
    const TYPE_MODE_LENGTH: u64 = 0x203;
    const BLOCK: u64 = 4096;
    let path = string(thread, path.0)?;
    let (kind, length) = match core::str::from_utf8(&path).map_err(|_| ENOENT)? {
        "" => kind(&get(thread, file)?),
        "/sys/devices/system/cpu" => (FOLDER, 0),
        path => (FILE, system_files::read(thread, path).ok_or(ENOENT)?.len() as u64),
    };
    let mut words = [0u64; 32];
    (words[0], words[2], words[5]) = (TYPE_MODE_LENGTH | BLOCK << 32, 1, length);
    // The mode follows the number of the group.
    words[3] = kind << 32;
    user::write(thread.own_space(), status.0, words)?;
    Ok(0)
}

const FILE: u64 = 0o100_600;

/// The kind of a file as a mode has it, and its length.
fn kind(file: &File) -> (u64, u64) {
    const DEVICE: u64 = 0o020_620;
    match file {
        File::Nothing | File::Line(_) => (DEVICE, 0),
        File::Text(text) => (FILE, text.bytes.len() as u64),
        File::Memory(contents) => (FILE, contents.length()),
    }
}

/// Linux's `struct pollfd`: a descriptor, what is asked, what is so.
pub(super) fn poll(thread: &Thread, list: Address, count: u64) -> Answer {
    const NOT_OPEN: u32 = 0x20;
    const READY: u32 = 0x45;
    let space = thread.own_space();
    let mut ready = 0;
    for at in (0..count.min(1024)).map(|index| list.0.wrapping_add(8 * index)) {
        let [descriptor, asked]: [u32; 2] = user::read(space, at)?;
        let asked = asked & 0xffff;
        let found = if get(thread, Descriptor(descriptor)).is_ok() { asked & READY } else { NOT_OPEN };
        user::write(space, at, [descriptor, asked | found << 16])?;
        ready += u64::from(found != 0);
    }
    Ok(ready)
}

/// By name, of which only an empty one is known: the descriptor's own file.
pub(super) fn status_of(thread: &Thread, file: Descriptor, path: Address, to: Address) -> Answer {
    if string(thread, path.0)?.is_empty() { status(thread, file, to) } else { Err(ENOENT) }
}

/// Where a program finds itself.
pub(super) fn link(thread: &Thread, path: Address, to: Address, length: u64) -> Answer {
    const TARGET: &[u8] = b"/program";
    if string(thread, path.0)? != b"/proc/self/exe" {
        return Err(ENOENT);
    }
    let part = &TARGET[..TARGET.len().min(length as usize)];
    user::write_bytes(thread.own_space(), to.0, part)?;
    Ok(part.len() as u64)
}

pub(super) fn control(thread: &Thread, descriptor: Descriptor, command: u32) -> Answer {
    const GET_FLAGS_OF_DESCRIPTOR: u32 = 1;
    const SET_FLAGS_OF_DESCRIPTOR: u32 = 2;
    const GET_FLAGS: u32 = 3;
    const READ_AND_WRITE: u64 = 2;
    get(thread, descriptor)?;
    match command {
        GET_FLAGS_OF_DESCRIPTOR | SET_FLAGS_OF_DESCRIPTOR => Ok(0),
        GET_FLAGS => Ok(READ_AND_WRITE),
        _ => Err(EINVAL),
    }
}

/// A memory file without contents.
pub(super) fn create(thread: &Thread) -> Answer {
    Ok(owner(thread).descriptors.open(File::Memory(Arc::new(Contents::new(0)))).into())
}

/// Gives a memory file its contents: zeros.
pub(super) fn set_length(thread: &Thread, file: Descriptor, length: u64) -> Answer {
    let File::Memory(contents) = get(thread, file)? else { return Err(EINVAL) };
    contents.set_length(length).map(|()| 0).map_err(|_| EINVAL)
}
