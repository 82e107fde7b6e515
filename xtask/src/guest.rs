//! `cargo xtask guest-check`: the static binary, alone under another kernel.
//!
//! A kernel of Debian's, for any architecture, boots in QEMU with two files in its
//! memory: `guest-init` and a program, here `bonfire`. Its report comes back over the console. No
//! case may say that the kernel does not conform; and a guest of this machine's own
//! architecture is compared with this kernel, case by case.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cpio::newc::Builder;

use crate::repository;
use crate::target::{BONFIRE, GUEST_INIT, Program, Target, Toolchain};

pub(crate) mod compare;
pub(crate) mod kernel;
pub(crate) mod machine;
pub(crate) mod report;

use machine::{Guest, Threads};
use report::Report;

/// What to boot, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The guest's architecture: x86_64, aarch64, riscv64, powerpc64le or s390x
    #[arg(long, value_name = "NAME", default_value = std::env::consts::ARCH)]
    arch: String,
    /// The kernel to boot; by default Debian's, downloaded with apt-get
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The release of Debian that the kernel is taken from
    #[arg(long, value_name = "NAME", default_value = kernel::DEFAULT_SUITE)]
    suite: String,
    /// What the guest's kernel is told, such as `nohz_full=1`
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    /// The CPUs of the guest
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// The emulator's threads: one for each CPU (multi), or one for all
    #[arg(long, value_enum, default_value_t = Threads::Multi)]
    threads: Threads,
    /// Wall clock of each run, in seconds
    #[arg(long, default_value_t = 30)]
    budget: u64,
    /// More for `bonfire`, such as `-- --filter ordering`
    #[arg(last = true, value_name = "OPTIONS")]
    more: Vec<String>,
    #[command(flatten)]
    toolchain: Toolchain,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let target = Target::of(&options.arch)?;
    let kernel = match &options.kernel {
        Some(kernel) => kernel.clone(),
        None => kernel::debian(target, &options.suite)?,
    };
    let memory = memory(target, &options.toolchain, &[], &BONFIRE)?;
    let guest = Guest {
        kernel: &kernel,
        memory: &memory,
        cpus: options.cpus,
        threads: options.threads,
        append: &options.append,
        emulator: &[],
        takes: options.budget,
        arguments: &arguments(options.budget, &options.more),
    };
    let report = Report::read(&guest.said(target)?)?;
    println!("{report}");
    if target.triple == Target::host()?.triple {
        compare::run(&host_report(options)?, &report)?;
    }
    ensure!(report.violations().is_empty(), "a case says that this kernel does not conform");
    Ok(())
}

/// The same run on this kernel. The status is in the report; a kernel that does
/// not conform is no error here.
fn host_report(options: &Options) -> Result<Report> {
    let bonfire = Toolchain::default().build(Target::host()?, &BONFIRE)?;
    let file = folder()?.join("host.json");
    let mut command = Command::new(bonfire);
    command.args(["--budget", &options.budget.to_string()]).args(&options.more);
    command.arg("--json").arg(&file).stdout(Stdio::null()).status()?;
    Report::read(&fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?)
}

/// Where what belongs to guests is kept.
pub(crate) fn folder() -> Result<PathBuf> {
    let folder = repository::target_directory()?.join("guest");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// What `bonfire` is told in a guest.
pub(crate) fn arguments(budget: u64, more: &[String]) -> Vec<String> {
    let budget = ["--budget".to_owned(), budget.to_string()];
    // It may take a file, so that it comes last.
    budget.into_iter().chain(more.iter().cloned()).chain(["--json".to_owned()]).collect()
}

/// The first file system of a guest of this architecture that runs `program`, which is
/// compiled with these flags.
pub(crate) fn memory(
    target: &Target,
    toolchain: &Toolchain,
    flags: &[&str],
    program: &Program,
) -> Result<PathBuf> {
    if let Some(remedy) = toolchain.missing(target)? {
        anyhow::bail!("cannot build for {}: {remedy}", target.triple);
    }
    let built = toolchain.build_with(flags, target, program)?;
    let init = toolchain.build(target, &GUEST_INIT)?;
    let memory = folder()?.join(format!("initramfs-{}-{}", program.name, target.architecture));
    pack(&memory, &[("init", &init), ("program", &built)])?;
    Ok(memory)
}

/// Writes an archive that a kernel unpacks as its first file system.
pub(crate) fn pack(archive: &Path, files: &[(&str, &Path)]) -> Result<()> {
    const PROGRAM: u32 = 0o100_755;
    let inputs = files.iter().zip(1..).map(|((name, file), inode)| {
        let file = File::open(file).with_context(|| format!("no {}", file.display()))?;
        Ok((Builder::new(name).ino(inode).mode(PROGRAM), file))
    });
    let inputs: Vec<_> = inputs.collect::<Result<_>>()?;
    cpio::write_cpio(inputs.into_iter(), File::create(archive)?)?;
    Ok(())
}
