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
    /// All of that in one file, for a machine that takes no other.
    disk: Option<NamedTempFile>,
}

impl Given {
    /// An error if the program is none for the machine, or something cannot be read.
    pub(super) fn collect(options: &Options) -> Result<Self> {
        let program = PathBuf::from(&options.run[0]);
        look(&program, options).with_context(|| program.display().to_string())?;
        let mut given = Self {
            program,
            arguments: list(options.run.iter().chain(&options.arguments))?,
            environment: list(options.env.iter())?,
            files: files(&options.file)?,
            disk: None,
        };
        let size = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        let size: u64 = given.by_name().iter().map(|(_, file)| size(file)).sum();
        ensure!(
            size <= u64::from(options.memory) << 19,
            "the files take more than half the memory; see --memory"
        );
        if !options.architecture.has_named_files() {
            given.disk = Some(disk(&given.by_name())?);
        }
        Ok(given)
    }

    /// What QEMU has to be told, so that the machine has it.
    pub(super) fn arguments(&self) -> Result<Vec<String>> {
        if let Some(disk) = &self.disk {
            return Ok(vec!["-initrd".into(), text(disk.path())?.into()]);
        }
        let mut arguments = Vec::new();
        for (name, path) in self.by_name() {
            // QEMU takes a comma for the end of a path, and two for one.
            let path = text(&path)?.replace(',', ",,");
            arguments.extend(["-fw_cfg".into(), format!("name={name},file={path}")]);
        }
        Ok(arguments)
    }

    /// By the names that the kernel knows.
    fn by_name(&self) -> [(&'static str, PathBuf); 4] {
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

/// One list of them, in which the first lies on a page of the machine's.
fn disk(files: &[(&str, PathBuf)]) -> Result<NamedTempFile> {
    const PAGE: usize = 4096;
    let heads = [b"\0".as_slice(), &length(0), files[0].0.as_bytes(), b"\0", &length(0)].concat().len();
    let nothing = vec![0; PAGE - heads];
    let mut list = [b"\0".as_slice(), &length(nothing.len() as u64), &nothing].concat();
    for (name, path) in files {
        let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        list.extend([name.as_bytes(), b"\0", &length(bytes.len() as u64), &bytes].concat());
    }
    temporary(&list)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
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
