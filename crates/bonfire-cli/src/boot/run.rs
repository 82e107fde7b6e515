//! `bonfire boot --run`: a program of the caller's, on the testbed's kernel.
//!
//! What it writes is passed on as it comes; what the kernel says is for standard error.
//! The program's end is the command's, and `--json` tells it to machines.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{ChildStdout, ExitCode};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bonfire_testbed::stream::{BEGIN, Byte, End, Source, Splitter};
use serde::Serialize;

use super::given::Given;
use super::machine::{Ended, Machine};
use super::{Options, image};
use crate::interrupt;
use crate::output::Output;

/// The status where the program said nothing for too long, as `timeout` has it.
const SILENT: u8 = 124;
/// The status where the machine failed, and the program with it.
const FAILED: u8 = 125;
/// A shell's way to say that a signal ended a program: this, and the signal's number.
const KILLED: u8 = 128;

/// Boots the program, and says how the process exits. Bad programs are errors.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let given = Given::collect(options)?;
    let report = open_report(options)?;
    interrupt::watch();
    let ran = boot(options, &given).unwrap_or_else(|error| Ran::failed(&error));
    if options.of_cases.verbose {
        anstream::eprintln!("{}", ran.in_words());
    }
    if let Some(report) = report {
        report.write(&(serde_json::to_string_pretty(&ran)? + "\n"))?;
    }
    Ok(if interrupt::requested() { interrupt::exit() } else { ExitCode::from(ran.status) })
}

/// The file for `--json`, which needs a name: stdout is the program's.
fn open_report(options: &Options) -> Result<Option<Output>> {
    let Some(file) = &options.of_cases.json else { return Ok(None) };
    if file == "-" {
        bail!("with --run, stdout is the program's; name a file: --json FILE");
    }
    Output::open(Path::new(file)).map(Some)
}

/// What became of the program.
#[derive(Serialize)]
struct Ran {
    /// That of the command.
    status: u8,
    /// The signal that ended the program.
    signal: Option<u8>,
    /// What went wrong with the machine.
    failure: Option<String>,
    /// From the start of QEMU to the program's first instruction.
    boot_ms: Option<u64>,
    /// From the start of QEMU to the end.
    duration_ms: u64,
    /// The most that programs had at one time.
    most_memory_bytes: Option<u64>,
}

impl Ran {
    fn failed(error: &anyhow::Error) -> Self {
        anstream::eprintln!("error: {error:#}");
        let failure = Some(format!("{error:#}"));
        Self { status: FAILED, signal: None, failure, boot_ms: None, duration_ms: 0, most_memory_bytes: None }
    }

    fn in_words(&self) -> String {
        let first = self.boot_ms.map_or("never came".into(), |ms| format!("after {ms} ms"));
        let memory =
            self.most_memory_bytes.map_or_else(String::new, |most| format!(", {} KiB at most", most >> 10));
        format!("bonfire boot: first instruction {first}, end after {} ms{memory}", self.duration_ms)
    }
}

fn boot(options: &Options, given: &Given) -> Result<Ran> {
    let image = image::find(options.kernel.as_deref(), options.architecture)?;
    let began = Instant::now();
    let command_line = options.command_line_for_program();
    let mut machine = Machine::boot(&image, options, &command_line, &given.arguments()?, read_bytes)?;
    let mut heard = Heard::since(began);
    let ended = loop {
        match machine.next() {
            Ok(bytes) => heard.take(&bytes)?,
            Err(ended) => break ended,
        }
    };
    heard.end(ended)
}

/// What was heard of the machine.
struct Heard {
    began: Instant,
    /// How long it took to the first instruction.
    booted: Option<Duration>,
    splitter: Splitter,
    /// What firmware said, until the kernel says that it has begun.
    firmware: Option<Vec<u8>>,
    /// A line of the kernel's, or of firmware's, that has not ended.
    line: Vec<u8>,
    /// How the program ended, as far as that has come.
    end: Vec<u8>,
}

impl Heard {
    fn since(began: Instant) -> Self {
        let (splitter, firmware) = (Splitter::default(), Some(Vec::new()));
        Self { began, booted: None, splitter, firmware, line: Vec::new(), end: Vec::new() }
    }

    /// Passes on what the program wrote, and what the kernel says.
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let (mut output, mut error) = (Vec::new(), Vec::new());
        for &byte in bytes {
            match self.splitter.take(byte) {
                Byte::Program(Source::Output, byte) => output.push(byte),
                Byte::Program(Source::Error, byte) => error.push(byte),
                Byte::Program(Source::End, byte) => self.end.push(byte),
                Byte::Program(Source::Start, _) => self.booted = self.booted.or(Some(self.began.elapsed())),
                Byte::Kernel(b'\n') => {
                    let line = self.whole_line();
                    self.firmware.as_mut().unwrap_or(&mut error).extend(line);
                }
                Byte::Kernel(BEGIN) => {
                    self.firmware = None;
                    self.line.clear();
                }
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

    fn end(mut self, ended: Ended) -> Result<Ran> {
        let rest = [self.firmware.take().unwrap_or_default(), self.whole_line()].concat();
        pass_on(&mut io::stderr(), &rest)?;
        let ran = Ran {
            status: FAILED,
            signal: None,
            failure: None,
            boot_ms: self.booted.map(|time| time.as_millis() as u64),
            duration_ms: self.began.elapsed().as_millis() as u64,
            most_memory_bytes: None,
        };
        match ended {
            Ended::Interrupted => return Ok(ran),
            Ended::Silent(time, _) => {
                let words =
                    format!("the program said nothing for {} s, and its machine was stopped", time.as_secs());
                anstream::eprintln!("error: {words}; see --patience");
                return Ok(Ran { status: SILENT, failure: Some(words), ..ran });
            }
            Ended::Exited(..) => ended.check(true)?,
        }
        let end = End::from_bytes(&self.end);
        let end =
            end.context("the machine ended before the program; is the image that of another version?")?;
        Ok(Ran { most_memory_bytes: Some(end.most_memory), ..ran.ended(end.status) })
    }
}

impl Ran {
    /// By itself, or by a signal: `wait4`'s status word.
    fn ended(self, word: i32) -> Self {
        let signal = u8::try_from(word & 0x7f).unwrap_or_default();
        if signal == 0 {
            return Self { status: u8::try_from(word >> 8 & 0xff).unwrap_or_default(), ..self };
        }
        anstream::eprintln!("error: the program was ended by signal {signal}");
        Self { status: KILLED + signal, signal: Some(signal), ..self }
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
