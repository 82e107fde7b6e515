//! What a program is given into its machine: itself, its arguments, its environment, files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bonfire_testbed::given::{ARGUMENTS, ENVIRONMENT, FILES, PROGRAM, length};
use tempfile::NamedTempFile;

use super::{Options, program};

/// All of it, as files that QEMU passes on; they last as long as this.
pub(super) struct Given {
    program: PathBuf,
    arguments: NamedTempFile,
    environment: NamedTempFile,
    files: NamedTempFile,
}

impl Given {
    /// An error if the program is none for the machine, or something cannot be read.
    pub(super) fn collect(options: &Options) -> Result<Self> {
        let program = PathBuf::from(&options.run[0]);
        look(&program, options).with_context(|| program.display().to_string())?;
        let given = Self {
            program,
            arguments: list(options.run.iter().chain(&options.arguments))?,
            environment: list(options.env.iter())?,
            files: files(&options.file)?,
        };
        let size = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        let size: u64 = given.by_name().iter().map(|(_, file)| size(file)).sum();
        ensure!(
            size <= u64::from(options.memory) << 19,
            "the files take more than half the memory; see --memory"
        );
        Ok(given)
    }

    /// By the names that the kernel knows.
    pub(super) fn by_name(&self) -> [(&'static str, PathBuf); 4] {
        let [arguments, environment, files] =
            [&self.arguments, &self.environment, &self.files].map(|file| file.path().to_path_buf());
        [(PROGRAM, self.program.clone()), (ARGUMENTS, arguments), (ENVIRONMENT, environment), (FILES, files)]
    }
}

fn look(path: &Path, options: &Options) -> Result<()> {
    let length = fs::metadata(path).context("cannot be read")?.len();
    ensure!(length <= u64::from(options.memory) << 20, "is larger than the machine's memory; see --memory");
    program::check(&fs::read(path).context("cannot be read")?, options.architecture, options.memory)
}

/// Strings for the machine, each with a zero behind it.
fn list<'a>(strings: impl Iterator<Item = &'a OsString>) -> Result<NamedTempFile> {
    let bytes: Vec<u8> = strings.flat_map(|string| [string.as_bytes(), &[0]].concat()).collect();
    temporary(&bytes)
}

/// Files for the machine, as `[NAME=]FILE`.
fn files(wanted: &[OsString]) -> Result<NamedTempFile> {
    let mut list = Vec::new();
    for wanted in wanted {
        let (name, file) = named(wanted);
        let bytes = fs::read(file).with_context(|| format!("--file {} cannot be read", file.display()))?;
        list.extend([name, &[0], &length(bytes.len() as u64), &bytes].concat());
    }
    temporary(&list)
}

/// The name in the machine, and the file; a file of that very name has no other.
fn named(wanted: &OsStr) -> (&[u8], &Path) {
    let whole = wanted.as_bytes();
    match whole.iter().position(|&byte| byte == b'=') {
        Some(place) if !Path::new(wanted).exists() => {
            (&whole[..place], Path::new(OsStr::from_bytes(&whole[place + 1..])))
        }
        _ => (whole, Path::new(wanted)),
    }
}

fn temporary(bytes: &[u8]) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("cannot make a temporary file")?;
    file.write_all(bytes).context("cannot write a temporary file")?;
    Ok(file)
}
