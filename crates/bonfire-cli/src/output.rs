//! Where something goes that is not there yet: a report, a table, a page.
//!
//! It is opened before the work, so that a path that cannot be written costs no
//! run, and what the file held stays until the new text is whole: that is written
//! beside it and takes its name at the end. A run that is stopped changes nothing.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{Builder, NamedTempFile};

use crate::report::text::print;

/// A place to write to, once.
pub(crate) struct Output {
    path: PathBuf,
    to: To,
}

enum To {
    Stdout,
    /// A pipe, a device, or a file in a folder that takes no other.
    Opened(File),
    /// A file that takes the name of the one at this path.
    Beside(NamedTempFile, PathBuf),
}

impl Output {
    /// Opens the file of this name, or stdout if it is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let to = match path.to_str() {
            Some("-") => To::Stdout,
            _ => To::open(path).with_context(|| format!("cannot write {}", path.display()))?,
        };
        Ok(Self { path: path.to_owned(), to })
    }

    pub(crate) const fn is_stdout(&self) -> bool {
        matches!(self.to, To::Stdout)
    }

    /// Puts `text` in the place of what was there. False if that is stdout and
    /// nobody reads it any more.
    pub(crate) fn write(self, text: &str) -> Result<bool> {
        let written = match self.to {
            To::Stdout => return print(text),
            To::Opened(file) => replace(file, text),
            To::Beside(mut file, name) => file
                .write_all(text.as_bytes())
                .and_then(|()| file.persist(name).map(drop).map_err(|refused| refused.error)),
        };
        written.map(|()| true).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl To {
    fn open(path: &Path) -> std::io::Result<Self> {
        // Where a link points to, if it is one: the link is to stay.
        let name = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let old = fs::metadata(&name).ok();
        let is_file = old.as_ref().is_none_or(fs::Metadata::is_file);
        if is_file && let Some(file) = beside(&name, old.as_ref()) {
            return Ok(Self::Beside(file, name));
        }
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&name);
        opened.map(Self::Opened)
    }
}

/// A new file in the folder of `name`, with the rights of the `old` one, if this
/// process could write to that.
fn beside(name: &Path, old: Option<&fs::Metadata>) -> Option<NamedTempFile> {
    let folder = name.parent().filter(|folder| !folder.as_os_str().is_empty());
    let rights = old.map_or_else(new_rights, fs::Metadata::permissions);
    old.is_none_or(|_| OpenOptions::new().write(true).open(name).is_ok())
        .then(|| Builder::new().permissions(rights).tempfile_in(folder.unwrap_or(Path::new("."))).ok())
        .flatten()
}

/// As for any new file; the system takes from it what the user wants taken.
fn new_rights() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// In place: the old text goes first, where there is one.
fn replace(mut file: File, text: &str) -> std::io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}

/// Text as HTML wants it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &Path, text: &str) {
        assert!(Output::open(path).unwrap().write(text).unwrap());
    }

    #[test]
    fn the_old_text_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        check(&path, "old");
        let output = Output::open(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(output);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        check(&path, "new");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "something was left beside it");
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        check(&file, "old");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        check(&link, "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn a_device_takes_the_text_as_it_comes() {
        check(Path::new("/dev/null"), "gone");
        assert!(Output::open(Path::new("/no/such/folder/report.json")).is_err());
    }
}
