//! Descriptors: what a program reads and writes by number.
//!
//! A descriptor names an open file ([`Open`]), which has a place in it and a manner; copies
//! of the descriptor, also those of a forked child, share them. The file itself ([`File`])
//! may be open several times.

use crate::counter::Counter;
use crate::lock::Lock;
use crate::memory_files::Contents;
use crate::pipe::{Reader, Writer};
use crate::texts::Text;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use bonfire_testbed::stream::Source;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What can be open.
pub(crate) enum File {
    /// Standard input: nothing comes.
    Nothing,
    /// The serial line.
    Line(Source),
    /// A memory file.
    Memory(Arc<Contents>),
    /// Text to be read.
    Text(Text),
    /// One end of a pipe.
    Reader(Reader),
    /// The other.
    Writer(Writer),
    /// A number to wait for (`eventfd`).
    Counter(Counter),
}

/// A file that is open.
pub(crate) struct Open {
    pub(crate) file: File,
    /// Where the next read or write is, in a file that has places.
    pub(crate) place: Lock<u64>,
    /// It is an error to have to wait (`O_NONBLOCK`).
    pub(crate) never_waits: AtomicBool,
}

impl Open {
    /// At its beginning.
    pub(crate) fn new(file: File, never_waits: bool) -> Arc<Self> {
        Arc::new(Self { file, place: Lock::new(0), never_waits: AtomicBool::new(never_waits) })
    }

    /// Whether it is an error to have to wait.
    pub(crate) fn never_waits(&self) -> bool {
        self.never_waits.load(Relaxed)
    }
}

#[derive(Clone)]
struct Slot {
    open: Arc<Open>,
    /// A new image does not find it (`FD_CLOEXEC`).
    ends_at_exec: bool,
}

/// The descriptors of a process.
pub(crate) struct Descriptors(Lock<BTreeMap<u32, Slot>>);

/// A process may have no more of them: Linux's usual limit.
pub(crate) const MOST: u32 = 1024;

impl Descriptors {
    /// Standard input, output and error.
    pub(crate) fn standard() -> Self {
        let files = [File::Nothing, File::Line(Source::Output), File::Line(Source::Error)];
        let slot = |file| Slot { open: Open::new(file, false), ends_at_exec: false };
        Self(Lock::new((0..).zip(files.map(slot)).collect()))
    }

    /// A copy for a forked process, which shares what they stand for.
    pub(crate) fn fork(&self) -> Self {
        Self(Lock::new(self.0.lock().clone()))
    }

    /// Closes those that a new image does not find.
    pub(crate) fn exec(&self) {
        let ended: BTreeMap<_, _> = self.0.lock().extract_if(.., |_, slot| slot.ends_at_exec).collect();
        drop(ended);
    }

    /// Gives the file the lowest number that is free, from `least` on; none, if there is none.
    pub(crate) fn open(&self, open: Arc<Open>, least: u32, ends_at_exec: bool) -> Option<u32> {
        let mut slots = self.0.lock();
        let number = (least..MOST).find(|number| !slots.contains_key(number))?;
        slots.insert(number, Slot { open, ends_at_exec });
        Some(number)
    }

    /// Gives the file this number, of which another one is closed.
    pub(crate) fn open_at(&self, open: Arc<Open>, number: u32, ends_at_exec: bool) {
        let closed = self.0.lock().insert(number, Slot { open, ends_at_exec });
        drop(closed);
    }

    /// What the number stands for.
    pub(crate) fn get(&self, number: u32) -> Option<Arc<Open>> {
        self.0.lock().get(&number).map(|slot| slot.open.clone())
    }

    /// Whether a new image finds the number; none, if it stands for nothing.
    pub(crate) fn ends_at_exec(&self, number: u32) -> Option<bool> {
        self.0.lock().get(&number).map(|slot| slot.ends_at_exec)
    }

    /// Says whether a new image finds the number.
    pub(crate) fn set_ends_at_exec(&self, number: u32, ends: bool) {
        self.0.lock().get_mut(&number).into_iter().for_each(|slot| slot.ends_at_exec = ends);
    }

    /// Forgets the number; whether it stood for something.
    pub(crate) fn close(&self, number: u32) -> bool {
        let closed = self.0.lock().remove(&number);
        closed.is_some()
    }

    /// Forgets all, when the process has ended.
    pub(crate) fn close_all(&self) {
        let closed = core::mem::take(&mut *self.0.lock());
        drop(closed);
    }
}
