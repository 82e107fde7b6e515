//! Descriptors: how they come, are copied, and go.

use super::{Answer, EBADF, EINVAL, EMFILE, ENOENT, ENOTDIR, EROFS, ESPIPE, files, owner, paths};
use crate::counter::Counter;
use crate::descriptors::{self, File, Open};
use crate::memory_files::Contents;
use crate::pipe;
use crate::texts::Text;
use crate::thread::Thread;
use crate::user;
use alloc::sync::Arc;
use bonfire_testbed::calls::{Address, Descriptor};
use core::sync::atomic::Ordering::Relaxed;

const NEVER_WAITS: u32 = 0x800;
const ENDS_AT_EXEC: u32 = 0x8_0000;

/// What there is by name can be read, and nothing can be made.
pub(super) fn open(thread: &Thread, folder: Descriptor, path: Address, flags: u32) -> Answer {
    const FOR_WRITING: u32 = 3;
    const CREATE: u32 = 0x40;
    const IS_FOLDER: u32 = 0x1_0000;
    let path = paths::absolute(thread, folder, path)?;
    let file = match &*path {
        "/dev/null" => File::Nothing,
        path => match Text::open(thread, path) {
            Some(_) if flags & FOR_WRITING != 0 => return Err(EROFS),
            Some(_) if flags & IS_FOLDER != 0 => return Err(ENOTDIR),
            Some(text) => File::Text(text),
            None if flags & CREATE != 0 => return Err(EROFS),
            None => return Err(ENOENT),
        },
    };
    install(thread, file, flags)
}

fn install(thread: &Thread, file: File, flags: u32) -> Answer {
    place(thread, Open::new(file, flags & NEVER_WAITS != 0), 0, flags & ENDS_AT_EXEC != 0)
}

fn place(thread: &Thread, open: Arc<Open>, least: u32, ends_at_exec: bool) -> Answer {
    owner(thread).descriptors.open(open, least, ends_at_exec).map(u64::from).ok_or(EMFILE)
}

pub(super) fn close(thread: &Thread, descriptor: Descriptor) -> Answer {
    if owner(thread).descriptors.close(descriptor.0) { Ok(0) } else { Err(EBADF) }
}

pub(super) fn copy(thread: &Thread, descriptor: Descriptor) -> Answer {
    place(thread, files::get(thread, descriptor)?, 0, false)
}

/// To that number: `dup2`, for which both may be the same, and `dup3`.
pub(super) fn copy_to(thread: &Thread, from: Descriptor, to: Descriptor, flags: Option<u32>) -> Answer {
    let open = files::get(thread, from)?;
    let flags = match flags {
        None if from == to => return Ok(to.0.into()),
        None => 0,
        Some(flags) if from == to || flags & !ENDS_AT_EXEC != 0 => return Err(EINVAL),
        Some(flags) => flags,
    };
    if to.0 >= descriptors::MOST {
        return Err(EBADF);
    }
    owner(thread).descriptors.open_at(open, to.0, flags != 0);
    Ok(to.0.into())
}

/// Two descriptors at `to`: the reader's, and the writer's.
pub(super) fn pipe(thread: &Thread, to: Address, flags: u32) -> Answer {
    if flags & !(NEVER_WAITS | ENDS_AT_EXEC) != 0 {
        return Err(EINVAL);
    }
    let ends = pipe::new(flags & NEVER_WAITS != 0);
    let mut numbers = [0u32; 2];
    for (place_of, end) in ends.into_iter().enumerate() {
        match place(thread, end, 0, flags & ENDS_AT_EXEC != 0) {
            Ok(number) => numbers[place_of] = number as u32,
            Err(error) => {
                (place_of == 1).then(|| owner(thread).descriptors.close(numbers[0]));
                return Err(error);
            }
        }
    }
    if let Err(fault) = user::write(thread.own_space(), to.0, numbers) {
        for number in numbers {
            owner(thread).descriptors.close(number);
        }
        return Err(fault.into());
    }
    Ok(0)
}

pub(super) fn counter(thread: &Thread, value: u32, flags: u32) -> Answer {
    const SEMAPHORE: u32 = 1;
    if flags & !(SEMAPHORE | NEVER_WAITS | ENDS_AT_EXEC) != 0 {
        return Err(EINVAL);
    }
    install(thread, File::Counter(Counter::new(value.into(), flags & SEMAPHORE != 0)), flags)
}

/// A memory file without contents.
pub(super) fn memory_file(thread: &Thread, name: Address, flags: u32) -> Answer {
    const CLOSE_ON_EXEC: u32 = 1;
    const KNOWN: u32 = 0x1f;
    paths::string(thread, name.0)?;
    if flags & !KNOWN != 0 {
        return Err(EINVAL);
    }
    let open = Open::new(File::Memory(Arc::new(Contents::new(0))), false);
    place(thread, open, 0, flags & CLOSE_ON_EXEC != 0)
}

/// Gives a memory file its length; it does not become shorter.
pub(super) fn set_length(thread: &Thread, file: Descriptor, length: u64) -> Answer {
    match &files::get(thread, file)?.file {
        File::Memory(contents) => contents.set_length(length).map(|()| 0).map_err(|_| EINVAL),
        _ => Err(EINVAL),
    }
}

pub(super) fn seek(thread: &Thread, descriptor: Descriptor, offset: u64, from: u32) -> Answer {
    const START: u32 = 0;
    const HERE: u32 = 1;
    const END: u32 = 2;
    let open = files::get(thread, descriptor)?;
    let length = match &open.file {
        File::Text(text) => text.with(thread, 1, |bytes| bytes.len() as u64),
        File::Memory(contents) => contents.length(),
        _ => return Err(ESPIPE),
    };
    let mut place = open.place.lock();
    let moved = match from {
        START => offset,
        HERE => place.wrapping_add(offset),
        END => length.wrapping_add(offset),
        _ => return Err(EINVAL),
    };
    if moved > i64::MAX as u64 {
        return Err(EINVAL);
    }
    *place = moved;
    Ok(moved)
}

pub(super) fn control(thread: &Thread, descriptor: Descriptor, command: u32, argument: u64) -> Answer {
    const COPY: u32 = 0;
    const GET_FLAGS_OF_DESCRIPTOR: u32 = 1;
    const SET_FLAGS_OF_DESCRIPTOR: u32 = 2;
    const GET_FLAGS: u32 = 3;
    const SET_FLAGS: u32 = 4;
    const COPY_ENDING_AT_EXEC: u32 = 1030;
    let open = files::get(thread, descriptor)?;
    let own = &owner(thread).descriptors;
    match command {
        COPY | COPY_ENDING_AT_EXEC if argument >= descriptors::MOST.into() => Err(EINVAL),
        COPY | COPY_ENDING_AT_EXEC => place(thread, open, argument as u32, command == COPY_ENDING_AT_EXEC),
        GET_FLAGS_OF_DESCRIPTOR => own.ends_at_exec(descriptor.0).map(u64::from).ok_or(EBADF),
        SET_FLAGS_OF_DESCRIPTOR => {
            own.set_ends_at_exec(descriptor.0, argument & 1 != 0);
            Ok(0)
        }
        GET_FLAGS => {
            let waiting = if open.never_waits() { NEVER_WAITS } else { 0 };
            Ok((manner(&open.file) | waiting).into())
        }
        SET_FLAGS => {
            open.never_waits.store(argument as u32 & NEVER_WAITS != 0, Relaxed);
            Ok(0)
        }
        _ => Err(EINVAL),
    }
}

/// To be read, written, or both.
fn manner(file: &File) -> u32 {
    match file {
        File::Text(_) | File::Reader(_) => 0,
        File::Line(_) | File::Writer(_) => 1,
        File::Nothing | File::Memory(_) | File::Counter(_) => 2,
    }
}
