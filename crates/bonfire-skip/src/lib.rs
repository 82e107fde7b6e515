//! A test that cannot run here says so, and somebody sees it.
//!
//! The test harness keeps what a passing test prints to itself, so a test that
//! prints "skipped" and returns has passed, as far as anybody can see. [`skip!`]
//! is for such tests: it says on the real standard error which test was skipped
//! and why, and returns. `cargo xtask test` adds the skips up at its end, and
//! with `--strict` it fails for each that somebody could have prevented.
//!
//! ```
//! use bonfire_skip::{Cause, skip};
//!
//! fn a_machine_boots() {
//!     if !bonfire_skip::finds("qemu-system-x86_64") {
//!         skip!(Cause::Tool { package: "qemu-system-x86" });
//!     }
//!     // …
//! }
//! # a_machine_boots();
//! ```

#![forbid(unsafe_code)]

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// The variable that names the file in which skips are noted, one a line.
pub const FILE: &str = "BONFIRE_SKIPS";

/// Why a test cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// This processor, or how many of them there are, cannot show what the test
    /// looks for. Says what about it.
    Processor(&'a str),
    /// The running kernel, or what it lets this process do, has not what the
    /// test needs. Says what is missing.
    Kernel(&'a str),
    /// Others had the CPUs all the while; in a quieter moment it runs. Says what for.
    Busy(&'a str),
    /// A tool is not installed. Names the package that has it, in Debian's words.
    Tool {
        /// The package, such as `qemu-system-x86`.
        package: &'a str,
    },
    /// A program or library that the test runs was not built.
    Program {
        /// What builds it, such as `cargo xtask dist --target aarch64-unknown-linux-gnu`.
        build: &'a str,
    },
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processor(what) => write!(f, "because this processor {what}"),
            Self::Kernel(what) => write!(f, "because this kernel {what}"),
            Self::Busy(what) => write!(f, "because this machine was too busy {what}"),
            Self::Tool { package } => {
                write!(
                    f,
                    "because a tool is not installed; apt-get install --no-install-recommends {package}"
                )
            }
            Self::Program { build } => write!(f, "because a program is not built; {build}"),
        }
    }
}

impl Cause<'_> {
    /// The first word of a line in the file of skips.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Processor(_) => "processor",
            Self::Kernel(_) => "kernel",
            Self::Busy(_) => "busy",
            Self::Tool { .. } => "tool",
            Self::Program { .. } => "program",
        }
    }
}

/// A skip as a line of the file of skips tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// `processor`, `kernel`, `busy`, `tool` or `program`.
    pub kind: String,
    /// The test, with the test binary it is in.
    pub test: String,
    /// The rest of the sentence "skipped …".
    pub why: String,
}

impl Skip {
    /// Reads a line; `None` where it is not one of ours.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        let skip = Self { kind: fields.next()?, test: fields.next()?, why: fields.next()? };
        fields.next().is_none().then_some(skip)
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: skipped {}", self.test, self.why)
    }
}

/// Says that the test of this thread is skipped, and returns from it.
#[macro_export]
macro_rules! skip {
    ($cause:expr) => {{
        $crate::say($cause);
        return;
    }};
}

/// Says that the test of this thread is skipped. See [`skip!`].
pub fn say(cause: Cause<'_>) {
    let skip = Skip { kind: cause.kind().to_owned(), test: this_test(), why: cause.to_string() };
    // Not `eprintln!`: the harness would keep it. A test has nothing to do about
    // a standard error that is closed.
    let _ = writeln!(io::stderr(), "{skip}");
    if let Some(file) = std::env::var_os(FILE) {
        note(Path::new(&file), &skip).expect("the file of skips can be written");
    }
}

/// Whether `program` can be started from here.
#[must_use]
pub fn finds(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Appends one line; several test binaries may do so.
fn note(file: &Path, skip: &Skip) -> io::Result<()> {
    let line = format!("{}\t{}\t{}\n", skip.kind, skip.test, skip.why.replace(['\t', '\n'], " "));
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

/// The harness names the thread of a test after it, but for `--test-threads=1`.
fn this_test() -> String {
    let binary = std::env::current_exe().ok();
    let stem = binary.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_else(|| "a test".to_owned());
    let binary = stem.rsplit_once('-').map_or(stem.as_str(), |(name, _)| name);
    match std::thread::current().name() {
        None | Some("main") => binary.to_owned(),
        Some(test) => format!("{binary} {test}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_comes_back_from_its_line() {
        let folder = std::env::temp_dir().join(format!("bonfire-skip-{}", std::process::id()));
        let skip = Skip { kind: "tool".into(), test: "a b".into(), why: "because\tof\nthis".into() };
        note(&folder, &skip).unwrap();
        note(&folder, &skip).unwrap();
        let text = std::fs::read_to_string(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let expected = Skip { why: "because of this".into(), ..skip };
        assert_eq!(
            text.lines().map(Skip::parse).collect::<Vec<_>>(),
            [Some(expected.clone()), Some(expected)]
        );
        assert_eq!(Skip::parse("running 3 tests"), None);
    }

    #[test]
    fn a_test_knows_its_name() {
        assert_eq!(this_test().split(' ').next_back(), Some("tests::a_test_knows_its_name"));
    }

    #[test]
    fn a_tool_is_found_or_not() {
        assert!(finds("sh"));
        assert!(!finds("no-such-tool-of-ours"));
    }
}
