//! The machine: QEMU, its serial line, and a watchdog.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bonfire_testbed::stream::BEGIN;
use bonfire_testbed::wire::Event;
use bonfire_testbed::{Architecture, Exit};

use super::Options;
use crate::interrupt;

/// The line that installs the emulator on Debian and its kin.
fn install(architecture: Architecture) -> String {
    format!("apt-get install --no-install-recommends {}", architecture.emulator_packages())
}

/// What an image that speaks other words comes to.
const UNFINISHED: &str = "the machine ended without a report: is the image that of another version?";

/// A machine that was booted, and of whose serial line we hear in pieces of the type `T`;
/// it ends with this value.
pub(super) struct Machine<T> {
    qemu: Child,
    said: Receiver<T>,
    /// How long it may say nothing.
    patience: Duration,
    verbose: bool,
    /// What it said last that was meant for people.
    last_words: Vec<String>,
}

/// How a machine ended.
pub(super) enum Ended {
    /// By this status of QEMU's, after these words.
    Exited(Option<i32>, Vec<String>),
    /// It said nothing for so long, and was stopped.
    Silent(Duration, Vec<String>),
    /// Ctrl-C.
    Interrupted,
}

impl<T> Machine<T> {
    /// Starts QEMU on the image, with what else QEMU is to be told; `read` listens to the serial line.
    pub(super) fn boot(
        image: &Path,
        options: &Options,
        command_line: &str,
        arguments: &[String],
        read: impl FnOnce(ChildStdout) -> Receiver<T>,
    ) -> Result<Self> {
        let architecture = options.architecture;
        let mut qemu = Command::new(architecture.emulator());
        // Each CPU on a thread of the host: with one for all, no store is ever late.
        qemu.args(["-accel", "tcg,thread=multi"]).args(architecture.machine());
        qemu.args(["-smp", &options.cpus.to_string(), "-m", &options.memory.to_string()]);
        qemu.args(["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"]);
        qemu.arg("-kernel").arg(image).args(["-append", command_line]).args(arguments);
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = qemu.spawn();
        let mut qemu =
            started.with_context(|| format!("cannot start QEMU; install it: {}", install(architecture)))?;
        let said = read(qemu.stdout.take().context("QEMU has no serial line")?);
        Ok(Self {
            qemu,
            said,
            patience: options.patience(),
            verbose: options.of_cases.verbose,
            last_words: Vec::new(),
        })
    }

    /// What it says next, or how it ended: by itself, or because it had to be ended.
    pub(super) fn next(&mut self) -> Result<T, Ended> {
        let heard = Instant::now();
        loop {
            match self.said.recv_timeout(Duration::from_millis(50)) {
                Ok(said) => return Ok(said),
                Err(RecvTimeoutError::Disconnected) => return Err(self.exited()),
                Err(RecvTimeoutError::Timeout) if interrupt::requested() => return Err(Ended::Interrupted),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() > self.patience => {
                    return Err(Ended::Silent(heard.elapsed(), std::mem::take(&mut self.last_words)));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn exited(&mut self) -> Ended {
        let mut complaint = String::new();
        if let Some(mut stderr) = self.qemu.stderr.take() {
            // What cannot be read is not worth another error.
            let _ = stderr.read_to_string(&mut complaint);
        }
        complaint.lines().for_each(|line| self.keep(line.to_owned()));
        let status = self.qemu.wait().ok().and_then(|status| status.code());
        // QEMU takes the terminal's Ctrl-C for itself, too.
        if interrupt::requested() {
            return Ended::Interrupted;
        }
        Ended::Exited(status, std::mem::take(&mut self.last_words))
    }

    /// Keeps a line that is meant for people; what firmware said is of no use once the kernel has begun.
    pub(super) fn keep(&mut self, line: String) {
        const MOST: usize = 12;
        let line = match line.split_once(char::from(BEGIN)) {
            Some((_, line)) => {
                self.last_words.clear();
                line.trim_end().to_owned()
            }
            None => line.trim_end().to_owned(),
        };
        if self.verbose && !line.is_empty() {
            anstream::eprintln!("{line}");
        }
        if !line.is_empty() {
            self.last_words.push(line);
        }
        if self.last_words.len() > MOST {
            self.last_words.remove(0);
        }
    }
}

impl Machine<String> {
    /// Hands every event to `hear`, until the machine ends or has to be ended.
    pub(super) fn listen(&mut self, mut hear: impl FnMut(Event)) -> Ended {
        loop {
            match self.next() {
                Ok(line) => match Event::parse(&line) {
                    Some(event) => hear(event),
                    None => self.keep(line),
                },
                Err(ended) => return ended,
            }
        }
    }
}

impl<T> Drop for Machine<T> {
    fn drop(&mut self) {
        // Either fails only if it has ended, which is what is wanted.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Ended {
    /// An error unless the machine ended as it should, with all reported.
    pub(super) fn check(self, finished: bool) -> Result<()> {
        let (what, words) = match self {
            Self::Exited(status, words) => match status.and_then(Exit::from_qemu) {
                Some(Exit::Done) if finished => return Ok(()),
                Some(Exit::Done) => (UNFINISHED.to_owned(), words),
                Some(exit) => (format!("the machine ended: {exit}"), words),
                None => (format!("QEMU ended by itself, with status {status:?}"), words),
            },
            Self::Silent(time, words) => {
                (format!("the machine said nothing for {} s, and was stopped", time.as_secs()), words)
            }
            Self::Interrupted => ("interrupted".to_owned(), Vec::new()),
        };
        if words.is_empty() {
            bail!(what);
        }
        bail!("{what}\nits last words:\n  {}", words.join("\n  "))
    }
}

/// Reads lines on a thread of its own, so that a watchdog can wait for them.
pub(super) fn read_lines(serial: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(serial);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}
