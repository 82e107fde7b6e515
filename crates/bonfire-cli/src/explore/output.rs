//! A file that is opened before the work and written after it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::report::text::print;

/// Where something goes that is not there yet. What the file holds stays until
/// then.
pub(super) struct Output {
    path: PathBuf,
    /// `None` for stdout.
    file: Option<File>,
}

impl Output {
    /// Opens the file of this name, or stdout if it is `-`.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = if path == Path::new("-") {
            None
        } else {
            let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
            Some(opened.with_context(|| format!("cannot write {}", path.display()))?)
        };
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) const fn is_stdout(&self) -> bool {
        self.file.is_none()
    }

    /// Puts `text` in the place of what was there.
    pub(super) fn write(self, text: &str) -> Result<()> {
        let Some(mut file) = self.file else { return print(text).map(|_| ()) };
        let shortened = match file.metadata() {
            Ok(about) if about.is_file() => file.set_len(0),
            // A pipe or a device has no length.
            other => other.map(|_| ()),
        };
        let written = shortened.and_then(|()| file.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
