//! A guest: a machine of some architecture in QEMU, from its start to what its program said.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::target::Target;

/// What to boot.
pub(crate) struct Guest<'a> {
    pub(crate) kernel: &'a Path,
    /// The first file system.
    pub(crate) memory: &'a Path,
    pub(crate) cpus: u32,
    pub(crate) threads: Threads,
    /// More for the kernel's command line.
    pub(crate) append: &'a str,
    /// More for the emulator, such as another processor.
    pub(crate) emulator: &'a [&'a str],
    /// How long its program takes, in seconds.
    pub(crate) takes: u64,
    /// What its program is told.
    pub(crate) arguments: &'a [String],
}

/// The emulator's threads.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One for each CPU of the guest: on a single one, store buffers never show.
    Multi,
    /// One for all.
    Single,
}

/// QEMU's machine of an architecture.
struct Machine {
    architecture: &'static str,
    /// Behind `qemu-system-`.
    program: &'static str,
    package: &'static str,
    arguments: &'static [&'static str],
    /// What the kernel must be told to find its console, and to boot at all.
    words: &'static str,
}

/// On a busy host the timer of an emulated PC is too late for the kernel's test of
/// it (`no_timer_check`).
static MACHINES: [Machine; 5] = [
    Machine {
        architecture: "x86_64",
        program: "x86_64",
        package: "qemu-system-x86",
        arguments: &["-cpu", "max"],
        words: "console=ttyS0 no_timer_check",
    },
    Machine {
        architecture: "aarch64",
        program: "aarch64",
        package: "qemu-system-arm",
        arguments: &["-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"],
        words: "console=ttyAMA0",
    },
    Machine {
        architecture: "riscv64",
        program: "riscv64",
        package: "qemu-system-misc opensbi",
        arguments: &["-machine", "virt"],
        words: "console=ttyS0",
    },
    Machine {
        architecture: "powerpc64le",
        program: "ppc64",
        package: "qemu-system-ppc",
        arguments: &["-machine", "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"],
        words: "console=hvc0",
    },
    Machine {
        architecture: "s390x",
        program: "s390x",
        package: "qemu-system-misc",
        arguments: &["-cpu", "max"],
        words: "console=ttysclp0",
    },
];

/// How long a guest may take beyond its program to boot and to power off: tens of seconds, or
/// many minutes on a machine that is busy with other things.
const BOOT: Duration = Duration::from_secs(600);

impl Guest<'_> {
    /// Boots, and returns what the guest's program said. A guest that dies before that is
    /// started again: on a busy host, a kernel may wait in vain for a CPU or a timer.
    pub(crate) fn said(&self, target: &Target) -> Result<String> {
        const ATTEMPTS: u32 = 3;
        for attempt in 1.. {
            match self.boot(target) {
                Ok(said) => return Ok(said),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(error) => eprintln!("boot {attempt} of at most {ATTEMPTS} told nothing: {error:#}"),
            }
        }
        unreachable!("the last attempt returns")
    }

    fn boot(&self, target: &Target) -> Result<String> {
        let machine = machine(target)?;
        let console = super::folder()?.join(format!("console-{}", machine.architecture));
        let guest = self.command(machine, &console).spawn().with_context(|| absent(machine))?;
        let ended = wait(guest, BOOT + Duration::from_secs(self.takes));
        let said = fs::read(&console).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        match (sent(&said), ended) {
            (Some(said), _) => Ok(said.to_owned()),
            (None, ended) => {
                let ended = ended.map_or_else(|error| error.to_string(), |status| format!("QEMU: {status}"));
                bail!("nothing came ({ended}); the console ends with:\n{}", last_words(&said))
            }
        }
    }

    fn command(&self, machine: &Machine, console: &Path) -> Command {
        let mut qemu = Command::new(format!("qemu-system-{}", machine.program));
        qemu.args(["-accel", &format!("tcg,thread={}", self.threads)]).args(machine.arguments);
        qemu.args(self.emulator);
        qemu.args(["-smp", &self.cpus.to_string(), "-m", "1024", "-no-reboot", "-nodefaults"]);
        qemu.args(["-display", "none", "-monitor", "none"]);
        qemu.arg("-serial").arg(format!("file:{}", console.display()));
        qemu.arg("-kernel").arg(self.kernel).arg("-initrd").arg(self.memory);
        // What follows `--` are the arguments of the guest's init.
        let words =
            format!("{} quiet panic=-1 {} -- {}", machine.words, self.append, self.arguments.join(" "));
        qemu.args(["-append", &words]).stdin(Stdio::null());
        qemu
    }
}

fn machine(target: &Target) -> Result<&'static Machine> {
    let machine = MACHINES.iter().find(|machine| machine.architecture == target.architecture);
    machine.context("QEMU has no machine for this target")
}

/// What installs the emulator of `target` where it is absent.
pub(crate) fn missing(target: &Target) -> Result<Option<String>> {
    let machine = machine(target)?;
    let asked = Command::new(format!("qemu-system-{}", machine.program)).arg("--version").output();
    Ok(asked.is_err().then(|| absent(machine)))
}

/// The emulator of `target` by name and version.
pub(crate) fn emulator(target: &Target) -> Result<String> {
    let machine = machine(target)?;
    let mut qemu = Command::new(format!("qemu-system-{}", machine.program));
    let said = qemu.arg("--version").output().with_context(|| absent(machine))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = said.lines().next().unwrap_or_default().replace("QEMU emulator version", "QEMU");
    // Behind it, who packed it.
    Ok(line.split(" (").next().unwrap_or_default().to_owned())
}

/// What to do where QEMU cannot be started.
fn absent(machine: &Machine) -> String {
    format!("QEMU is absent; `apt-get install --no-install-recommends {}`", machine.package)
}

/// What the program said, among what a console said.
fn sent(console: &str) -> Option<&str> {
    let (_, rest) = console.split_once("guest-init: output begins")?;
    let (output, _) = rest.split_once("guest-init: output ends")?;
    Some(output)
}

fn last_words(console: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Waits for `guest` to end, and ends it when `limit` has passed.
pub(crate) fn wait(mut guest: Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = guest.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    guest.kill()?;
    guest.wait()?;
    bail!("the guest did not power off within {} s", limit.as_secs());
}

impl fmt::Display for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Multi => "multi",
            Self::Single => "single",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::TARGETS;

    #[test]
    fn every_target_has_a_machine() {
        for target in &TARGETS {
            assert!(MACHINES.iter().any(|machine| machine.architecture == target.architecture));
        }
    }

    #[test]
    fn output_is_found_among_what_the_kernel_says() {
        let console =
            "[1.0] hello\r\nguest-init: output begins\r\n{}\r\nguest-init: output ends, with exit status: 0";
        assert_eq!(sent(console).map(str::trim), Some("{}"));
        assert_eq!(sent("guest-init: output begins\n{"), None);
        assert_eq!(last_words("a\nb"), "a\nb");
    }
}
