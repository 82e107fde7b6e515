//! Texts to be read: files that the host gave, and what this kernel says of itself.

use crate::given;
use crate::lock::Lock;
use crate::system_files;
use crate::thread::Thread;
use alloc::string::String;
use alloc::vec::Vec;

/// A text that is open.
pub(crate) enum Text {
    /// A file of the host's, which does not change.
    Given(&'static [u8]),
    /// The kernel's, of this name: made when it is read from its beginning.
    Made(String, Lock<Vec<u8>>),
}

impl Text {
    /// The text of that name, if there is one.
    pub(crate) fn open(thread: &Thread, path: &str) -> Option<Self> {
        if let Some(bytes) = given::file(path) {
            return Some(Self::Given(bytes));
        }
        let made = system_files::read(thread, path)?;
        Some(Self::Made(path.into(), Lock::new(made.into_bytes())))
    }

    /// Calls `f` with the whole text, of which somebody reads at `place`.
    pub(crate) fn with<R>(&self, thread: &Thread, place: u64, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Given(bytes) => f(bytes),
            Self::Made(path, bytes) => {
                if place == 0 {
                    let now = system_files::read(thread, path).unwrap_or_default();
                    *bytes.lock() = now.into_bytes();
                }
                let bytes = bytes.lock().clone();
                f(&bytes)
            }
        }
    }

    /// Its length, as a program is told it. Like Linux's, the kernel's own have none.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Given(bytes) => bytes.len() as u64,
            Self::Made(..) => 0,
        }
    }

    /// The bytes, if they are a file's, which can be mapped.
    pub(crate) fn given(&self) -> Option<&'static [u8]> {
        if let Self::Given(bytes) = self { Some(bytes) } else { None }
    }
}
