//! `cargo xtask compare-linux`: what the call costs in the testbed and on
//! Debian's Linux, in the same emulator, by the same static program.
//!
//! The two kernels boot in turns, so that whatever else the host does meets
//! both. The table goes to `records/`; the figures are ticks of the CPUs' clock,
//! which QEMU takes from the host.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bonfire_testbed::Architecture;
use bonfire_testbed::wire::{Event, Timing};

use crate::guest::machine;
use crate::target::Target;
use crate::{guest, repository, testbed};

/// How often, and on what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often each kernel boots
    #[arg(long, default_value_t = 5)]
    boots: usize,
    /// The Linux to compare with; by default Debian's for cloud machines, downloaded with apt-get
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    #[command(flatten)]
    machine: testbed::Machine,
}

/// As in the bar: three targets, and the caller.
const CPUS: &str = "4";
/// How long a boot may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// One kernel, ready to boot.
struct Kernel {
    architecture: Architecture,
    arguments: Vec<String>,
    /// What each boot measured, by name.
    boots: BTreeMap<String, Vec<[u64; 3]>>,
}

/// Boots both in turns, and records the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    let architecture = options.machine.architecture;
    let folder = repository::target_directory()?.join("guest");
    fs::create_dir_all(&folder)?;
    let linux = match &options.kernel {
        Some(kernel) => kernel.clone(),
        None => guest::kernel::debian(Target::of(architecture.name())?, guest::kernel::DEFAULT_SUITE)?,
    };
    let (init, image) = testbed::build(architecture)?;
    let memory = folder.join(format!("bench-initramfs-{architecture}"));
    guest::pack(&memory, &[("init", &init)])?;
    let mut ours = Kernel::new(architecture, &image, None, "-- bench");
    let words = format!("{} quiet panic=-1 -- bench", words(architecture));
    let mut theirs = Kernel::new(architecture, &linux, Some(&memory), &words);
    for _ in 0..options.boots {
        ours.boot(&folder.join("testbed.log"))?;
        theirs.boot(&folder.join("linux.log"))?;
    }
    let name = linux.file_name().map(|name| name.to_string_lossy().replacen("vmlinuz", "linux", 1));
    let table = table(&ours, &theirs, &name.unwrap_or_default(), options.boots)?;
    print!("{table}");
    let record = repository::root().join("records").join(record(architecture));
    fs::create_dir_all(record.parent().context("the record is in a folder")?)?;
    fs::write(&record, table).with_context(|| format!("cannot write {}", record.display()))
}

/// The file of the table.
fn record(architecture: Architecture) -> String {
    match architecture {
        Architecture::X86_64 => "compare-linux.md".to_owned(),
        other => format!("compare-linux-{other}.md"),
    }
}

/// What Linux must be told to find its console, and to boot on a busy host.
fn words(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "console=ttyS0 no_timer_check",
        Architecture::Aarch64 => "console=ttyAMA0",
        Architecture::Riscv64 => "console=ttyS0",
    }
}

/// Of the clock that the program reads.
fn ticks(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "the time stamp counter",
        Architecture::Aarch64 => "the generic timer, of 16 ns each,",
        Architecture::Riscv64 => "the timer, of 100 ns each,",
    }
}

impl Kernel {
    fn new(architecture: Architecture, image: &Path, memory: Option<&Path>, command_line: &str) -> Self {
        let mut arguments: Vec<String> = ["-kernel".into(), image.display().to_string()].into();
        arguments
            .extend(memory.into_iter().flat_map(|memory| ["-initrd".into(), memory.display().to_string()]));
        arguments.extend(["-append".into(), command_line.into()]);
        Self { architecture, arguments, boots: BTreeMap::new() }
    }

    fn boot(&mut self, log: &Path) -> Result<()> {
        let mut qemu = Command::new(self.architecture.emulator());
        qemu.args(["-accel", "tcg,thread=multi"]).args(self.architecture.machine());
        qemu.args(["-smp", CPUS, "-m", "512", "-nodefaults", "-display", "none", "-no-reboot", "-serial"]);
        qemu.arg(format!("file:{}", log.display())).args(&self.arguments).stdin(Stdio::null());
        let absent = || format!("QEMU is absent; install {}", self.architecture.emulator_packages());
        machine::wait(qemu.spawn().with_context(absent)?, LIMIT)?;
        let log = fs::read(log).context("QEMU wrote no log")?;
        self.take(&String::from_utf8_lossy(&log))
    }

    fn take(&mut self, log: &str) -> Result<()> {
        let events: Vec<Event> = log.lines().filter_map(Event::parse).collect();
        ensure!(events.contains(&Event::Finished), "a boot did not finish; it said:\n{log}");
        for event in events {
            if let Event::Timed(Timing { name, least, median, p90 }) = event {
                self.boots.entry(name.to_owned()).or_default().push([least, median, p90]);
            }
        }
        Ok(())
    }

    /// Over all boots: the fastest, and the medians of the medians and of the p90s.
    fn figures(&self, name: &str) -> Result<[u64; 3]> {
        let boots = self.boots.get(name).with_context(|| format!("{name} was not timed"))?;
        let sorted = |which: usize| {
            let mut figures: Vec<u64> = boots.iter().map(|boot| boot[which]).collect();
            figures.sort_unstable();
            figures
        };
        let median = |which: usize| sorted(which)[boots.len() / 2];
        Ok([sorted(0)[0], median(1), median(2)])
    }
}

fn table(ours: &Kernel, theirs: &Kernel, linux: &str, boots: usize) -> Result<String> {
    let mut table = format!(
        "# membarrier in the testbed and in {linux}\n\n\
         `cargo xtask compare-linux`: QEMU's emulator, {CPUS} CPUs, {boots} boots of each in turns, the same\n\
         static program. Ticks of {} for one call: the fastest of all, and the median\n\
         over the boots of their medians and of their p90s. A running target needs a CPU of the host: on\n\
         a host with fewer idle ones, both kernels wait for its scheduler, and only the minima compare;\n\
         on a busy one, `chrt -r 5` before the command gives both what they need.\n\n\
         | | testbed min | median | p90 | Linux min | median | p90 | ratio of medians |\n\
         |---|---|---|---|---|---|---|---|\n",
        ticks(ours.architecture)
    );
    for name in ours.boots.keys() {
        let ([a, b, c], [d, e, f]) = (ours.figures(name)?, theirs.figures(name)?);
        let ratio = b as f64 / e as f64;
        writeln!(table, "| {name} | {a} | {b} | {c} | {d} | {e} | {f} | {ratio:.4} |")?;
    }
    Ok(table)
}
