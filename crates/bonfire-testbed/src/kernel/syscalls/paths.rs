//! Names of files, and what is told of what they name. There are the files that the host
//! gave, those that tell about the machine, and the program itself; none can be written.

use super::{Answer, EACCES, EBADF, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS, files};
use crate::arch;
use crate::descriptors::File;
use crate::texts::Text;
use crate::thread::Thread;
use crate::{given, user};
use alloc::string::String;
use alloc::vec::Vec;
use bonfire_testbed::calls::{Address, Descriptor, HERE};

/// Where the program finds itself.
pub(super) const PROGRAM: &str = "/program";

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
    Err(ENAMETOOLONG)
}

/// The name from the root on, where every program is.
pub(super) fn absolute(thread: &Thread, folder: Descriptor, path: Address) -> Result<String, isize> {
    let path = string(thread, path.0)?;
    let path = core::str::from_utf8(&path).map_err(|_| ENOENT)?;
    if path.is_empty() {
        return Err(ENOENT);
    }
    if !path.starts_with('/') && folder != HERE {
        // What is open is no folder.
        return Err(if files::get(thread, folder).is_ok() { ENOTDIR } else { EBADF });
    }
    Ok(given::normal(path))
}

/// What a name stands for.
#[derive(Clone, Copy)]
struct Found {
    mode: u64,
    length: u64,
}

const READABLE: u64 = 0o100_444;
const EXECUTABLE: u64 = 0o100_555;
const FOLDER: u64 = 0o040_555;

fn find(thread: &Thread, path: &str) -> Option<Found> {
    match path {
        "/dev/null" => Some(Found { mode: 0o020_666, length: 0 }),
        PROGRAM | "/proc/self/exe" => Some(Found { mode: EXECUTABLE, length: given::length_of_program() }),
        "/" | "/dev" | "/proc" | "/proc/self" | "/sys" | "/sys/devices/system/cpu" => {
            Some(Found { mode: FOLDER, length: 0 })
        }
        path if given::has_folder(path) => Some(Found { mode: FOLDER, length: 0 }),
        path => Text::open(thread, path).map(|text| Found { mode: READABLE, length: text.length() }),
    }
}

/// Of what is open.
fn found(file: &File) -> Found {
    match file {
        File::Nothing | File::Line(_) => Found { mode: 0o020_620, length: 0 },
        File::Text(text) => Found { mode: READABLE, length: text.length() },
        File::Memory(contents) => Found { mode: 0o100_777, length: contents.length() },
        File::Reader(_) | File::Writer(_) => Found { mode: 0o010_600, length: 0 },
        File::Counter(_) => Found { mode: 0o600, length: 0 },
    }
}

fn by_name(thread: &Thread, folder: Descriptor, path: Address, flags: u32) -> Result<Found, isize> {
    const MAY_BE_EMPTY: u32 = 0x1000;
    if flags & MAY_BE_EMPTY != 0 && (path.0 == 0 || string(thread, path.0)?.is_empty()) {
        return Ok(found(&files::get(thread, folder)?.file));
    }
    find(thread, &absolute(thread, folder, path)?).ok_or(ENOENT)
}

pub(super) fn status(thread: &Thread, descriptor: Descriptor, to: Address) -> Answer {
    write_status(thread, found(&files::get(thread, descriptor)?.file), to)
}

pub(super) fn status_of(
    thread: &Thread,
    folder: Descriptor,
    path: Address,
    to: Address,
    flags: u32,
) -> Answer {
    write_status(thread, by_name(thread, folder, path, flags)?, to)
}

fn write_status(thread: &Thread, found: Found, to: Address) -> Answer {
    user::write(thread.own_space(), to.0, arch::status_words(found.mode, found.length))?;
    Ok(0)
}

/// Linux's `struct statx`, of which the same is filled in as of `struct stat`.
pub(super) fn long_status_of(
    thread: &Thread,
    folder: Descriptor,
    path: Address,
    flags: u32,
    to: Address,
) -> Answer {
    const TYPE_MODE_LENGTH: u64 = 0x203;
    const BLOCK: u64 = 4096;
    let found = by_name(thread, folder, path, flags)?;
    let mut words = [0u64; 32];
    (words[0], words[2], words[5]) = (TYPE_MODE_LENGTH | BLOCK << 32, 1, found.length);
    // The mode follows the number of the group.
    words[3] = found.mode << 32;
    user::write(thread.own_space(), to.0, words)?;
    Ok(0)
}

/// Whether the file may be used so: bits to execute, to write, to read.
pub(super) fn may(thread: &Thread, folder: Descriptor, path: Address, how: u32) -> Answer {
    const EXECUTE: u32 = 1;
    const WRITE: u32 = 2;
    const ALL: u32 = 7;
    if how & !ALL != 0 {
        return Err(EINVAL);
    }
    let Found { mode, .. } = by_name(thread, folder, path, 0)?;
    match how {
        _ if how & WRITE != 0 && mode & 0o222 == 0 => Err(EROFS),
        _ if how & EXECUTE != 0 && mode & 0o111 == 0 => Err(EACCES),
        _ => Ok(0),
    }
}

/// Where a program finds itself.
pub(super) fn link(thread: &Thread, folder: Descriptor, path: Address, to: Address, length: u64) -> Answer {
    let path = absolute(thread, folder, path)?;
    if length as i64 <= 0 {
        return Err(EINVAL);
    }
    if !matches!(&*path, "/proc/self/exe" | "/proc/thread-self/exe") {
        return Err(if find(thread, &path).is_some() { EINVAL } else { ENOENT });
    }
    let part = &PROGRAM.as_bytes()[..PROGRAM.len().min(length as usize)];
    user::write_bytes(thread.own_space(), to.0, part)?;
    Ok(part.len() as u64)
}
