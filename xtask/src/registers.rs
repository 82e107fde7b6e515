//! `cargo xtask registers`: vectors live through a heavy fence, seen by running.
//!
//! `cargo xtask asm` sees in the assembly of vectorised callers that nothing is live in
//! registers that a system call destroys. Here such callers run: compiled for a
//! processor with vectors, in QEMU, under a kernel of Debian's that destroys them.
//! The twin, which makes the call where it stands, must be seen to be wrong.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::guest::machine::{Guest, Threads};
use crate::guest::{kernel, memory};
use crate::target::{Target, Toolchain, VECTORS};

/// Which processor, and under which kernel.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The guest's architecture: riscv64 or aarch64
    #[arg(long, value_name = "NAME", default_value = "riscv64")]
    arch: String,
    /// The kernel to boot; by default Debian's, downloaded with apt-get
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The release of Debian that the kernel is taken from
    #[arg(long, value_name = "NAME", default_value = "trixie")]
    suite: String,
    #[command(flatten)]
    toolchain: Toolchain,
}

/// A processor with vectors that a system call destroys: what it is called to the
/// compiler and to the emulator.
struct Processor {
    architecture: &'static str,
    flags: &'static [&'static str],
    emulator: &'static [&'static str],
}

static PROCESSORS: [Processor; 2] = [
    Processor {
        architecture: "riscv64",
        flags: &["-Ctarget-feature=+v"],
        emulator: &["-cpu", "rv64,v=true,vlen=128"],
    },
    Processor {
        architecture: "aarch64",
        flags: &["-Ctarget-cpu=neoverse-v1", "-Cllvm-args=-aarch64-sve-vector-bits-min=256"],
        emulator: &[],
    },
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let processor = PROCESSORS.iter().find(|processor| processor.architecture == options.arch);
    let processor = processor.context("only riscv64 and aarch64 have such vectors")?;
    let target = Target::of(processor.architecture)?;
    let kernel = match &options.kernel {
        Some(kernel) => kernel.clone(),
        None => kernel::debian(target, &options.suite)?,
    };
    let said = boot(processor, target, &kernel, &options.toolchain)?;
    println!("{}", said.trim());
    judge(&said)
}

fn boot(processor: &Processor, target: &Target, kernel: &Path, toolchain: &Toolchain) -> Result<String> {
    let memory = memory(target, toolchain, processor.flags, &VECTORS)?;
    let guest = Guest {
        kernel,
        memory: &memory,
        cpus: 2,
        threads: Threads::Multi,
        append: "",
        emulator: processor.emulator,
        takes: 60,
        arguments: &[],
    };
    guest.said(target)
}

/// Every caller of the crate is right in every round; the twin is not.
fn judge(said: &str) -> Result<()> {
    let counts = said.lines().filter_map(|line| {
        let (name, count) = line.trim().split_once(": ")?;
        let (right, rounds) = count.split_once(" of ")?;
        Some((name, right == rounds))
    });
    let counts: Vec<_> = counts.collect();
    ensure!(counts.len() == 5, "five callers were to be counted: {said}");
    for (name, all) in counts {
        if name == "inlined" {
            ensure!(!all, "cannot tell: the twin is right as well, so nothing destroys vectors here");
        } else {
            ensure!(all, "{name} destroys vectors of its caller");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_judged_by_its_callers_and_its_twin() {
        let said = |heavy: u32, inlined: u32| {
            let others = ["try_heavy", "process::heavy", "raw"].map(|name| format!("{name}: 9 of 9\r\n"));
            format!("heavy: {heavy} of 9\r\n{}inlined: {inlined} of 9\r\n", others.concat())
        };
        assert!(judge(&said(9, 0)).is_ok());
        assert!(judge(&said(8, 0)).unwrap_err().to_string().contains("heavy destroys"));
        assert!(judge(&said(9, 9)).unwrap_err().to_string().contains("cannot tell"));
        assert!(judge("").is_err());
    }
}
