//! `cargo xtask programs`: programs in C that rely on membarrier, booted again and again.
//!
//! Each program of the testbed's folder that counts what goes wrong, under each design. The
//! static command of `cargo xtask dist` can be one of them: its own check, on the testbed's
//! kernel. A round that goes wrong, a machine that hangs and a program that is killed are all
//! the same here: one in a hundred is one too many. Nothing is drawn, and a run is bounded by
//! what it is told.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bonfire_testbed::Architecture;
use serde_json::Value;

use crate::{boots, repository, testbed};

/// How often, and what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The CPUs of the machine
    #[arg(long, default_value_t = 4)]
    cpus: u32,
    #[command(flatten)]
    machine: testbed::Machine,
    /// How many boots of each program under each design
    #[arg(long, default_value_t = 20)]
    runs: u32,
    /// Only these designs
    #[arg(long)]
    design: Vec<String>,
    /// Only these programs
    #[arg(long)]
    program: Vec<String>,
    /// A static bonfire, whose check is run, too, or alone with `--program bonfire`
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// A command that is there already, in place of one that is built
    #[arg(long, value_name = "FILE")]
    command: Option<PathBuf>,
}

const DESIGNS: [&str; 5] = ["running", "everywhere", "mask", "locked-mask", "threads"];

/// The programs, and with how many rounds each takes less than a second on a quiet host.
const PROGRAMS: [(&str, &str); 4] =
    [("rcu_list", "5"), ("hazard_stack", "10"), ("seqlock", "50"), ("runtime", "10")];

/// A program with its arguments.
struct Program {
    name: &'static str,
    file: PathBuf,
    arguments: &'static [&'static str],
}

/// Boots, prints a line for each program and design, and fails if one boot went wrong.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (_, image) = testbed::build(options.machine.architecture)?;
    let command = options.command.clone().map_or_else(boots::command, Ok)?;
    let (mut wrong, mut all) = (0, 0);
    for program in options.programs()? {
        for design in DESIGNS.into_iter().filter(|design| is_wanted(&options.design, design)) {
            let sum = options.boot_often(&command, &image, &program, design)?;
            println!("{} under {design}: {sum}", program.name);
            wrong += options.runs - sum.right;
            all += options.runs;
        }
    }
    ensure!(all > 0, "nothing is selected: there are {DESIGNS:?}, {PROGRAMS:?}, and bonfire with --check");
    ensure!(wrong == 0, "{wrong} of {all} boots went wrong");
    Ok(())
}

fn is_wanted(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
}

impl Options {
    fn programs(&self) -> Result<Vec<Program>> {
        let mut programs = Vec::new();
        for (name, rounds) in PROGRAMS.iter().filter(|(name, _)| is_wanted(&self.program, name)) {
            programs.push(Program {
                name,
                file: compiled(name, self.machine.architecture)?,
                arguments: std::slice::from_ref(rounds),
            });
        }
        if let Some(file) = self.check.clone().filter(|_| is_wanted(&self.program, "bonfire")) {
            programs.push(Program { name: "bonfire", file, arguments: &["check"] });
        }
        Ok(programs)
    }

    fn boot_often(&self, command: &Path, image: &Path, program: &Program, design: &str) -> Result<Sum> {
        let mut sum = Sum { right: 0, runs: self.runs, boot_ms: Vec::new() };
        let report = folder()?.join("report.json");
        for _ in 0..self.runs {
            // That of the boot before is no report of this one.
            let _ = fs::remove_file(&report);
            let mut boot = Command::new(command);
            boot.args(["boot", "--cpus", &self.cpus.to_string(), "--design", design, "--patience", "300"]);
            boot.args(["--arch", self.machine.architecture.name(), "--kernel"])
                .arg(image)
                .arg("--json")
                .arg(&report);
            boot.arg("--run").arg(&program.file).args(program.arguments);
            let output = boot.output().with_context(|| format!("cannot start {}", command.display()))?;
            sum.add(&fs::read(&report).unwrap_or_default());
            if !output.status.success() {
                let [said, wrote] =
                    [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text));
                eprintln!("{} under {design} ended with {}\n{said}{wrote}", program.name, output.status);
            }
        }
        Ok(sum)
    }
}

/// Where the programs are built.
fn folder() -> Result<PathBuf> {
    let folder = repository::target_directory()?.join("programs");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The program of that name, linked against the C library that is here for the architecture.
fn compiled(name: &str, architecture: Architecture) -> Result<PathBuf> {
    let (compiler, packages) = match testbed::is_of_host(architecture) {
        true => ("cc", "gcc libc6-dev"),
        false => (architecture.cross_compiler(), architecture.cross_compiler_packages()),
    };
    let source = repository::root().join(format!("crates/bonfire-testbed/programs/{name}.c"));
    let program = folder()?.join(format!("{name}-{architecture}"));
    let mut cc = Command::new(compiler);
    repository::run(cc.args(["-O2", "-static", "-pthread", "-o"]).args([&program, &source])).with_context(
        || format!("a C compiler is needed: apt-get install --no-install-recommends {packages}"),
    )?;
    Ok(program)
}

/// What became of a program under a design.
struct Sum {
    right: u32,
    runs: u32,
    /// How long each boot took to the first instruction.
    boot_ms: Vec<u64>,
}

impl Sum {
    fn add(&mut self, report: &[u8]) {
        let report: Value = serde_json::from_slice(report).unwrap_or_default();
        self.right += u32::from(report["status"] == 0);
        self.boot_ms.extend(report["boot_ms"].as_u64());
    }

    fn boot_ms(&self) -> Option<RangeInclusive<u64>> {
        Some(*self.boot_ms.iter().min()?..=*self.boot_ms.iter().max()?)
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} went right", self.right, self.runs)?;
        self.boot_ms()
            .map_or(Ok(()), |ms| write!(f, "; to the first instruction {} to {} ms", ms.start(), ms.end()))
    }
}
