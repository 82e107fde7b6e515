//! Descriptors: what a program reads and writes by number.

use crate::lock::Lock;
use crate::memory_files::Contents;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bonfire_testbed::stream::Source;

/// What a descriptor stands for.
#[derive(Clone)]
pub(crate) enum File {
    /// Standard input: nothing comes.
    Nothing,
    /// The serial line.
    Line(Source),
    /// A memory file.
    Memory(Arc<Contents>),
    /// Text that was there when it was opened, and how much of it has been read.
    Text(Arc<Text>),
}

/// Text to be read.
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) read: Lock<usize>,
}

/// The descriptors of a process.
pub(crate) struct Descriptors(Lock<BTreeMap<u32, File>>);

impl Descriptors {
    /// Standard input, output and error.
    pub(crate) fn standard() -> Self {
        let files = [File::Nothing, File::Line(Source::Output), File::Line(Source::Error)];
        Self(Lock::new((0..).zip(files).collect()))
    }

    /// A copy for a forked process, which shares what they stand for.
    pub(crate) fn fork(&self) -> Self {
        Self(Lock::new(self.0.lock().clone()))
    }

    /// Gives the file the lowest number that is free.
    pub(crate) fn open(&self, file: File) -> u32 {
        let mut files = self.0.lock();
        let number = (0..).find(|number| !files.contains_key(number)).expect("fewer files than numbers");
        files.insert(number, file);
        number
    }

    /// What the number stands for.
    pub(crate) fn get(&self, number: u32) -> Option<File> {
        self.0.lock().get(&number).cloned()
    }

    /// Forgets the number; whether it stood for something.
    pub(crate) fn close(&self, number: u32) -> bool {
        let closed = self.0.lock().remove(&number);
        closed.is_some()
    }
}
