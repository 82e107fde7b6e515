//! Pipes: bytes that go from those who write to those who read, in their order.

use crate::descriptors::{File, Open};
use crate::lock::Lock;
use crate::wait;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How much it holds: Linux's usual.
const ROOM: usize = 64 << 10;
/// So much is written in one piece or not yet (`PIPE_BUF`).
const PIECE: usize = 4096;

struct Pipe(Lock<Inside>);

struct Inside {
    bytes: VecDeque<u8>,
    has_reader: bool,
    has_writer: bool,
}

/// Where bytes come out. There is one, which descriptors share.
pub(crate) struct Reader(Arc<Pipe>);
/// Where they go in.
pub(crate) struct Writer(Arc<Pipe>);

/// What became of an attempt to read or write.
pub(crate) enum Flow<T> {
    Done(T),
    /// There is nothing yet, or no room.
    Wait,
    /// Nobody is at the other end.
    Broken,
}

/// A new one, open at both ends.
pub(crate) fn new(never_waits: bool) -> [Arc<Open>; 2] {
    let inside = Inside { bytes: VecDeque::new(), has_reader: true, has_writer: true };
    let pipe = Arc::new(Pipe(Lock::new(inside)));
    [File::Reader(Reader(pipe.clone())), File::Writer(Writer(pipe))].map(|file| Open::new(file, never_waits))
}

impl Reader {
    /// Takes up to so many bytes.
    pub(crate) fn read(&self, most: usize) -> Flow<Vec<u8>> {
        let mut pipe = self.0.0.lock();
        if pipe.bytes.is_empty() && most > 0 {
            return if pipe.has_writer { Flow::Wait } else { Flow::Broken };
        }
        let count = most.min(pipe.bytes.len());
        let taken = pipe.bytes.drain(..count).collect();
        drop(pipe);
        wait::changed();
        Flow::Done(taken)
    }

    /// Whether a read would have to wait.
    pub(crate) fn would_wait(&self) -> bool {
        self.state() == (false, false)
    }

    /// Whether there is something to read, and whether nobody writes any more.
    pub(crate) fn state(&self) -> (bool, bool) {
        let pipe = self.0.0.lock();
        (!pipe.bytes.is_empty(), !pipe.has_writer)
    }
}

impl Writer {
    /// Puts bytes in, as many as there is room for; says how many.
    pub(crate) fn write(&self, bytes: &[u8]) -> Flow<usize> {
        let mut pipe = self.0.0.lock();
        if !pipe.has_reader {
            return Flow::Broken;
        }
        if !pipe.has_room_for(bytes.len()) {
            return Flow::Wait;
        }
        let count = (ROOM - pipe.bytes.len()).min(bytes.len());
        pipe.bytes.extend(&bytes[..count]);
        drop(pipe);
        wait::changed();
        Flow::Done(count)
    }

    /// Whether a write of so many bytes would have to wait.
    pub(crate) fn would_wait(&self, count: usize) -> bool {
        let pipe = self.0.0.lock();
        pipe.has_reader && !pipe.has_room_for(count)
    }

    /// Whether a piece can be written, and whether nobody reads any more.
    pub(crate) fn state(&self) -> (bool, bool) {
        let pipe = self.0.0.lock();
        (ROOM - pipe.bytes.len() >= PIECE, !pipe.has_reader)
    }
}

impl Inside {
    /// For a piece, all of it; of more, for some.
    fn has_room_for(&self, count: usize) -> bool {
        ROOM - self.bytes.len() >= if count <= PIECE { count } else { 1 }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.0.lock().has_reader = false;
        wait::changed();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.0.lock().has_writer = false;
        wait::changed();
    }
}
