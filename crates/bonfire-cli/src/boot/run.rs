//! `bonfire boot --run`: a program of the caller's, on the testbed's kernel.
//!
//! What it writes is passed on as it comes; what the kernel says is for standard error.
//! The program's end is the command's.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{ChildStdout, ExitCode};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context, Result, ensure};
use bonfire_testbed::given::{ARGUMENTS, ENVIRONMENT, PROGRAM};
use bonfire_testbed::stream::{Byte, Source, Splitter};
use tempfile::NamedTempFile;

use super::machine::{Ended, Machine};
use super::{Options, image, program};
use crate::interrupt;

/// The status where the program said nothing for too long, as `timeout` has it.
const SILENT: u8 = 124;
/// The status where the machine failed, and the program with it.
const FAILED: u8 = 125;
/// A shell's way to say that a signal ended a program: this, and the signal's number.
const KILLED: u8 = 128;

/// Boots the program, and says how the process exits. Bad programs are errors.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let path = Path::new(&options.run[0]);
    look(path, options.memory).with_context(|| path.display().to_string())?;
    let arguments = list(options.run.iter().chain(&options.arguments))?;
    let environment = list(options.env.iter())?;
    interrupt::watch();
    let ended = boot(options, path, &arguments, &environment);
    ended.or_else(|error| {
        anstream::eprintln!("error: {error:#}");
        Ok(ExitCode::from(FAILED))
    })
}

fn look(path: &Path, memory: u32) -> Result<()> {
    let length = fs::metadata(path).context("cannot be read")?.len();
    ensure!(length <= u64::from(memory) << 20, "is larger than the machine's memory; see --memory");
    program::check(&fs::read(path).context("cannot be read")?, memory)
}

/// Strings for the machine, each with a zero behind it.
fn list<'a>(strings: impl Iterator<Item = &'a OsString>) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("cannot make a temporary file")?;
    for string in strings {
        file.write_all(string.as_bytes()).context("cannot write a temporary file")?;
        file.write_all(&[0]).context("cannot write a temporary file")?;
    }
    Ok(file)
}

fn boot(
    options: &Options,
    path: &Path,
    arguments: &NamedTempFile,
    environment: &NamedTempFile,
) -> Result<ExitCode> {
    let image = image::find(options.kernel.as_deref())?;
    let files = [
        (PROGRAM, path.to_path_buf()),
        (ARGUMENTS, arguments.path().to_path_buf()),
        (ENVIRONMENT, environment.path().to_path_buf()),
    ];
    let command_line = options.command_line_for_program();
    let mut machine = Machine::boot(&image, options, &command_line, &files, read_bytes)?;
    let mut heard = Heard::default();
    loop {
        match machine.next() {
            Ok(bytes) => heard.take(&bytes)?,
            Err(ended) => return heard.end(ended),
        }
    }
}

/// What was heard of the machine.
#[derive(Default)]
struct Heard {
    splitter: Splitter,
    /// A line of the kernel's that has not ended.
    line: Vec<u8>,
    /// The program's status word, as far as it has come.
    status: Vec<u8>,
}

impl Heard {
    /// Passes on what the program wrote, and what the kernel says.
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let (mut output, mut error) = (Vec::new(), Vec::new());
        for &byte in bytes {
            match self.splitter.take(byte) {
                Byte::Program(Source::Output, byte) => output.push(byte),
                Byte::Program(Source::Error, byte) => error.push(byte),
                Byte::Program(Source::End, byte) => self.status.push(byte),
                Byte::Kernel(b'\n') => error.extend(self.whole_line()),
                Byte::Kernel(byte) => self.line.push(byte),
                Byte::Head => {}
            }
        }
        pass_on(&mut io::stdout(), &output)?;
        pass_on(&mut io::stderr(), &error)
    }

    fn whole_line(&mut self) -> Vec<u8> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() { Vec::new() } else { format!("bonfire boot: {text}\n").into_bytes() }
    }

    fn end(mut self, ended: Ended) -> Result<ExitCode> {
        let rest = self.whole_line();
        pass_on(&mut io::stderr(), &rest)?;
        match ended {
            Ended::Interrupted => return Ok(interrupt::exit()),
            Ended::Silent(time, _) => {
                let seconds = time.as_secs();
                anstream::eprintln!(
                    "error: the program said nothing for {seconds} s, and its machine was stopped; see --patience"
                );
                return Ok(ExitCode::from(SILENT));
            }
            Ended::Exited(..) => ended.check(true)?,
        }
        let word = <[u8; 4]>::try_from(self.status.as_slice()).ok().map(i32::from_le_bytes);
        let word =
            word.context("the machine ended before the program; is the image that of another version?")?;
        let signal = u8::try_from(word & 0x7f).unwrap_or_default();
        if signal == 0 {
            return Ok(ExitCode::from(u8::try_from(word >> 8 & 0xff).unwrap_or_default()));
        }
        anstream::eprintln!("error: the program was ended by signal {signal}");
        Ok(ExitCode::from(KILLED + signal))
    }
}

/// A reader who has gone is no reason to stop the program.
fn pass_on(to: &mut impl Write, bytes: &[u8]) -> Result<()> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        _ => Ok(()),
    }
}

/// Reads on a thread of its own, so that a watchdog can wait for it.
fn read_bytes(mut serial: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 8192];
        while let Ok(length @ 1..) = serial.read(&mut bytes) {
            if sender.send(bytes[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
