//! Reading and writing what is open.

use super::{Answer, EAGAIN, EBADF, EFAULT, EINVAL, EIO, ENOMEM, EPIPE, ESPIPE, owner};
use crate::arch::PAGE;
use crate::counter::Counter;
use crate::descriptors::{File, Open};
use crate::limits;
use crate::memory_files::Contents;
use crate::pipe::Flow;
use crate::signals::{self, ERESTART, SIGPIPE};
use crate::thread::Thread;
use crate::wait::{self, Event, Woken};
use crate::{given, serial, user};
use alloc::sync::Arc;
use bonfire_testbed::calls::{Address, Descriptor};

/// The file that is open under that number.
pub(super) fn get(thread: &Thread, descriptor: Descriptor) -> Result<Arc<Open>, isize> {
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
    let open = get(thread, descriptor)?;
    let place = || at(&open, offset);
    match &open.file {
        File::Line(_) | File::Writer(_) => Err(EBADF),
        File::Nothing if offset.is_none() => Ok(0),
        File::Text(text) => {
            let place = place()?;
            let read = text.with(thread, place, |bytes| {
                let rest = bytes.get(place as usize..).unwrap_or(&[]);
                let part = &rest[..rest.len().min(length as usize)];
                user::write_bytes(thread.own_space(), to.0, part).map(|()| part.len() as u64)
            })?;
            move_place(&open, offset, place + read)
        }
        File::Memory(contents) => {
            let place = place()?;
            let read = read_memory(thread, contents, place, to, length)?;
            move_place(&open, offset, place + read)
        }
        _ if offset.is_some() => Err(ESPIPE),
        File::Reader(reader) => {
            let bytes = patiently(thread, &open, || reader.read(length as usize), || reader.would_wait())?;
            let bytes = bytes.unwrap_or_default();
            user::write_bytes(thread.own_space(), to.0, &bytes)?;
            Ok(bytes.len() as u64)
        }
        File::Counter(counter) => read_counter(thread, &open, counter, to, length),
        File::Nothing => Ok(0),
    }
}

/// Where to read or write: an offset below 0 is none.
fn at(open: &Open, offset: Option<u64>) -> Result<u64, isize> {
    let place = offset.unwrap_or_else(|| *open.place.lock());
    if place > i64::MAX as u64 { Err(EINVAL) } else { Ok(place) }
}

/// After so much was read or written; says how much that was.
fn move_place(open: &Open, offset: Option<u64>, to: u64) -> Answer {
    let Some(from) = offset else {
        let mut place = open.place.lock();
        let moved = to - *place;
        *place = to;
        return Ok(moved);
    };
    Ok(to - from)
}

fn read_memory(thread: &Thread, contents: &Contents, place: u64, to: Address, length: u64) -> Answer {
    let end = contents.length().min(place.saturating_add(length));
    let mut at = place;
    while at < end {
        let mut page = [0; PAGE as usize];
        let part = &mut page[..(end - at).min(PAGE) as usize];
        contents.read(at, part);
        user::write_bytes(thread.own_space(), to.0.wrapping_add(at - place), part)?;
        at += part.len() as u64;
    }
    Ok(at - place)
}

fn read_counter(thread: &Thread, open: &Open, counter: &Counter, to: Address, length: u64) -> Answer {
    if length < 8 {
        return Err(EINVAL);
    }
    let take = || counter.take().map_or(Flow::Wait, Flow::Done);
    let value = patiently(thread, open, take, || !counter.state().0)?;
    user::write(thread.own_space(), to.0, value.ok_or(EIO)?)?;
    Ok(8)
}

/// To where writing stopped, or to `offset`.
pub(super) fn write(
    thread: &Thread,
    descriptor: Descriptor,
    from: Address,
    length: u64,
    offset: Option<u64>,
) -> Answer {
    let open = get(thread, descriptor)?;
    match &open.file {
        File::Text(_) | File::Reader(_) => Err(EBADF),
        File::Memory(contents) => {
            let place = at(&open, offset)?;
            let written = write_memory(thread, contents, place, from, length)?;
            move_place(&open, offset, place + written)
        }
        _ if offset.is_some() => Err(ESPIPE),
        File::Nothing => Ok(length),
        File::Line(source) => in_parts(thread, from, length, |part| {
            if given::is_given() {
                serial::send_piece(*source, part)
            } else {
                serial::send(part)
            }
            Ok(part.len())
        }),
        File::Writer(_) if !limits::allows_bytes() => Err(ENOMEM),
        File::Writer(writer) => in_parts(thread, from, length, |part| {
            let put = || writer.write(part);
            let written = patiently(thread, &open, put, || writer.would_wait(part.len()))?;
            written.ok_or_else(|| {
                signals::send(&thread.keep(), SIGPIPE);
                EPIPE
            })
        }),
        File::Counter(counter) => write_counter(thread, &open, counter, from, length),
    }
}

/// Hands on what a program wrote, a buffer at a time: a line that fits it stays in one
/// piece. An error counts if nothing has been taken before it.
fn in_parts(
    thread: &Thread,
    from: Address,
    length: u64,
    mut take: impl FnMut(&[u8]) -> Result<usize, isize>,
) -> Answer {
    let mut buffer = [0; 4096];
    let mut done = 0;
    while done < length {
        let part = &mut buffer[..(length - done).min(4096) as usize];
        let read = user::read_bytes(thread.own_space(), from.0.wrapping_add(done), part);
        let taken = read.map_err(|_| EFAULT).and_then(|()| take(part));
        match taken {
            Ok(count) => done += count as u64,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn write_memory(thread: &Thread, contents: &Contents, place: u64, from: Address, length: u64) -> Answer {
    let mut at = place;
    in_parts(thread, from, length, |part| {
        contents.write(at, part)?;
        at += part.len() as u64;
        Ok(part.len())
    })
}

fn write_counter(thread: &Thread, open: &Open, counter: &Counter, from: Address, length: u64) -> Answer {
    if length < 8 {
        return Err(EINVAL);
    }
    let more: u64 = user::read(thread.own_space(), from.0)?;
    if more == u64::MAX {
        return Err(EINVAL);
    }
    let add = || if counter.add(more) { Flow::Done(()) } else { Flow::Wait };
    patiently(thread, open, add, || !counter.has_room_for(more))?;
    Ok(8)
}

/// Tries until it is done, and waits in between; none where nobody is at the other end.
fn patiently<T>(
    thread: &Thread,
    open: &Open,
    mut attempt: impl FnMut() -> Flow<T>,
    would_wait: impl Fn() -> bool,
) -> Result<Option<T>, isize> {
    loop {
        match attempt() {
            Flow::Done(done) => return Ok(Some(done)),
            Flow::Broken => return Ok(None),
            Flow::Wait if open.never_waits() => return Err(EAGAIN),
            Flow::Wait if wait::wait(thread, Event::Descriptor, None, &would_wait) == Woken::Interrupted => {
                return Err(ERESTART);
            }
            Flow::Wait => {}
        }
    }
}

/// Linux's `struct iovec`s, so many, one after the other; until one is not done whole.
pub(super) fn each_part(
    thread: &Thread,
    parts: Address,
    count: u32,
    mut one: impl FnMut(Address, u64) -> Answer,
) -> Answer {
    const MOST: u32 = 1024;
    if count > MOST {
        return Err(EINVAL);
    }
    let mut done = 0;
    for part in 0..u64::from(count) {
        let [at, length]: [u64; 2] = user::read(thread.own_space(), parts.0.wrapping_add(16 * part))?;
        let count = match one(Address(at), length) {
            Ok(count) => count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        done += count;
        if count < length {
            break;
        }
    }
    Ok(done)
}
