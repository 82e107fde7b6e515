//! `bonfire boot`: the cases in ring 3 of the testbed's kernel, in QEMU.
//!
//! [`machine`] boots the kernel and reads its serial line; this module makes the
//! same report of it as `check` makes of the running kernel, and adds what the
//! kernel counted: barriers passed and interrupts taken, CPU by CPU, beside how
//! many were owed. Whatever goes wrong with the machine itself is no verdict on
//! the engine: it ends with a status of its own.
//!
//! With `--run`, [`run`] boots a program of the caller's in place of the cases, which
//! [`program`] has looked at first, with what else it is [`given`].

mod given;
mod image;
mod machine;
mod program;
mod run;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bonfire_conformance::{Case, Outcome, cases};
use bonfire_testbed::wire::Event;
use bonfire_testbed::{Architecture, Hook, Selection, Variant};
use clap::Args;

use crate::arguments::OfCases;
use crate::environment::Environment;
use crate::interrupt;
use crate::progress::Progress;
use crate::report;
use crate::report::{Counted, Report};
use machine::{Ended, Machine};

/// Check the engine in a small kernel of its own, booted in QEMU
///
/// The kernel schedules user threads on several CPUs, with real interrupts; its user program
/// runs the same cases as `check`, and counts barriers and interrupts. In a checkout the kernel
/// is built when it is missing or stale. `--filter counted` runs no case, and only counts; `--verbose`
/// shows every count, too, and what the kernel says.
#[derive(Args)]
pub(crate) struct Options {
    /// The CPUs of the machine
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,

    /// The architecture of the machine
    #[arg(long = "arch", value_name = "ARCHITECTURE", default_value_t = Architecture::OWN)]
    architecture: Architecture,

    /// How the engine chooses the CPUs to interrupt
    #[arg(long, value_name = "DESIGN", default_value = "running", value_parser = design)]
    design: Variant,

    /// Plant a fault that should be found: SITE leaves out that barrier, `poke` drops interrupts
    #[arg(long, value_name = "SITE", value_parser = fault)]
    fault: Vec<String>,

    /// Forget a hook of the engine's, as a port might: no barrier may be missing, and the mismatch is
    /// counted
    #[arg(long, value_name = "HOOK", value_parser = forgotten)]
    forget: Option<Hook>,

    /// The memory of the machine, in MiB; with less than 8, not even its firmware says a word
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..))]
    memory: u32,

    /// How long the machine may say nothing before it is stopped; by default half a minute longer than
    /// the budget
    #[arg(long, value_name = "SECONDS", value_parser = patience)]
    patience: Option<Duration>,

    /// The kernel to boot; in a checkout, the one that is built there
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,

    #[command(flatten)]
    of_cases: OfCases,

    /// Run this static program in place of the cases, with its arguments; those that begin with a
    /// dash behind ` -- `
    ///
    /// Its output and its exit status are the command's. A program that is killed by a signal gives 128
    /// and the signal's number, one that says nothing for too long 124, a machine that fails 125.
    /// System calls that the kernel does not serve are answered with ENOSYS, and named. `--json FILE`
    /// says how it ended, and how long the machine took to its first instruction; `--verbose` says
    /// so, too.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., conflicts_with_all = ["filter", "hunt", "forget", "junit"])]
    run: Vec<OsString>,

    /// More arguments for the program
    #[arg(last = true, value_name = "ARGUMENT", requires = "run")]
    arguments: Vec<OsString>,

    /// A variable in the program's environment, which is empty without
    #[arg(long, value_name = "NAME=VALUE", requires = "run")]
    env: Vec<OsString>,

    /// A file that the program may read, under its own name or another
    #[arg(long, value_name = "[NAME=]FILE", requires = "run")]
    file: Vec<OsString>,

    /// Tell each system call of the program's, and what it returned, on stderr
    #[arg(long, requires = "run")]
    trace: bool,

    /// What the user program does instead of the cases: its own words
    #[arg(long, value_name = "WORDS", hide = true)]
    program: Option<String>,
}

fn design(text: &str) -> Result<Variant, String> {
    let names = || Variant::ALL.map(Variant::name).join(", ");
    Variant::from_name(text).ok_or_else(|| format!("no such design; there are {}", names()))
}

/// A fault as the kernel's command line has it.
fn fault(text: &str) -> Result<String, String> {
    let word = if text == "poke" { "drop-pokes".to_owned() } else { format!("delete={text}") };
    match bonfire_testbed::Options::parse(&word) {
        Ok(_) => Ok(word),
        Err(_) => Err("no such barrier; see the list of sites in bonfire-engine, or say poke".to_owned()),
    }
}

fn forgotten(text: &str) -> Result<Hook, String> {
    let names = || Hook::ALL.map(Hook::name).join(", ");
    Hook::from_name(text).ok_or_else(|| format!("no such hook; there are {}", names()))
}

fn patience(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds| seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "a number of seconds, at least 1".to_owned())
}

/// The filter that selects no case, only counts.
const COUNTED: &str = "counted";

/// The status of a machine that failed.
const FAILED: u8 = 3;

/// Boots, reports, and says how the process exits.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if !options.run.is_empty() {
        return run::run(options);
    }
    let selected = options.selected()?;
    let destinations = options.of_cases.destinations()?;
    match judge(options, &selected) {
        Ok(None) => Ok(interrupt::exit()),
        // Other programs than the suite have nothing to report but their end.
        Ok(Some(_)) if options.program.is_some() => Ok(ExitCode::SUCCESS),
        Ok(Some(report)) => write(&report, destinations),
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn write(report: &Report, destinations: Vec<report::Destination>) -> Result<ExitCode> {
    for destination in destinations {
        destination.write(report)?;
    }
    Ok(report.exit())
}

/// Boots and listens; `None` if that was interrupted.
fn judge(options: &Options, selected: &[Case]) -> Result<Option<Report>> {
    interrupt::watch();
    let seed = crate::seed::given_or_drawn(options.of_cases.seed);
    let image = image::find(options.kernel.as_deref(), options.architecture)?;
    let began = Instant::now();
    let mut booted = Machine::boot(&image, options, &options.command_line(seed), &[], machine::read_lines)?;
    let mut heard = Heard::new(selected.len());
    let ended = booted.listen(|event| heard.hear(event));
    let Heard { progress, running, counted, finished } = heard;
    let (machine, outcomes) = progress.finish();
    if let Ended::Interrupted = ended {
        anstream::eprintln!("interrupted in case {} of {}; no report", outcomes.len(), selected.len());
        return Ok(None);
    }
    ended.check(finished).with_context(|| running.unwrap_or_else(|| "in no case".into()))?;
    ensure!(
        options.program.is_some() || outcomes.len() == selected.len(),
        "the kernel reported {} cases of {}: is the image that of another version?",
        outcomes.len(),
        selected.len()
    );
    Ok(Some(Report {
        subject: format!("testbed={}", options.design),
        title: format!("bonfire-engine in a kernel of its own, design {}", options.design),
        judged: "This kernel",
        environment: environment(options),
        seed,
        seed_given: options.of_cases.seed.is_some(),
        summary: outcomes.iter().map(|(_, outcome)| outcome.verdict).collect(),
        machine,
        outcomes,
        counted,
        not_run: options.not_run(),
        duration: began.elapsed(),
        verbose: options.of_cases.verbose,
    }))
}

/// What the machine reported so far.
struct Heard {
    progress: Progress,
    /// The case that has begun and not ended.
    running: Option<String>,
    counted: Vec<Counted>,
    finished: bool,
}

impl Heard {
    fn new(cases: usize) -> Self {
        Self { progress: Progress::new(cases), running: None, counted: Vec::new(), finished: false }
    }

    fn hear(&mut self, event: Event) {
        use bonfire_conformance::Observer;
        match event {
            Event::Measured(abilities) => self.progress.measured(&abilities),
            Event::Begins(id) => {
                self.running = Some(format!("in {id}"));
                by_id(id).iter().for_each(|case| self.progress.begins(case));
            }
            Event::Ended(id, outcome) => self.ended(id, &outcome),
            Event::Counted(count) => self.counted.push(Counted {
                name: count.name.to_owned(),
                counted: count.counted,
                least: count.least,
                most: count.most,
            }),
            Event::Timed(_) => {}
            Event::Finished => self.finished = true,
        }
    }

    fn ended(&mut self, id: &str, outcome: &Outcome) {
        use bonfire_conformance::Observer;
        self.running = None;
        by_id(id).iter().for_each(|case| self.progress.ended(case, outcome));
    }
}

fn by_id(id: &str) -> Option<Case> {
    cases().find(|case| case.to_string() == id)
}

/// What the verdict depends on: another kernel, and none of this one's filters.
fn environment(options: &Options) -> Environment {
    let cpus = format!("0-{}", options.cpus.saturating_sub(1));
    let faults = Some(options.faults()).filter(|faults| !faults.is_empty());
    let faults = faults.as_deref().unwrap_or("no faults");
    Environment {
        kernel: format!("bonfire-testbed {}, {}", env!("CARGO_PKG_VERSION"), faults),
        architecture: options.architecture.name(),
        cpus_allowed: Some(cpus.clone()),
        cpus_online: Some(cpus),
        nohz_full: Some("none".into()),
        seccomp_filters: Some(0),
        virtualised: Some("QEMU's emulator, each CPU on a thread of its own".into()),
        realtime: Some(false),
        interrupts: None,
    }
}

impl Options {
    /// A case may borrow from others, so its share says little; but all of them
    /// together are not silent for longer than their budget.
    fn patience(&self) -> Duration {
        const SLOW_HOST: Duration = Duration::from_secs(30);
        self.patience.unwrap_or(self.of_cases.budget + SLOW_HOST)
    }

    fn selection(&self) -> Selection<'_> {
        Selection { filter: self.of_cases.filter.as_deref(), hunt: self.of_cases.hunt }
    }

    /// The cases that were asked for. No case and no count is an error.
    fn selected(&self) -> Result<Vec<Case>> {
        if self.program.is_some() || self.of_cases.filter.as_deref() == Some(COUNTED) {
            return Ok(Vec::new());
        }
        let selected: Vec<Case> = cases().filter(|case| self.selection().picks(case)).collect();
        ensure!(!selected.is_empty(), "no case is selected by this --filter; `bonfire --list` shows all");
        Ok(selected)
    }

    /// The hunts that this run leaves out, to be named as such.
    fn not_run(&self) -> Vec<Case> {
        let hunts = Selection { hunt: true, ..self.selection() };
        cases().filter(|case| !self.of_cases.hunt && hunts.picks(case)).collect()
    }

    /// What is wrong with the kernel on purpose, in the words of its command line.
    fn faults(&self) -> String {
        let forgotten = self.forget.map(|hook| format!("forget={hook}"));
        self.fault.iter().cloned().chain(forgotten).collect::<Vec<_>>().join(" ")
    }

    /// What the user program counts: with a hook forgotten, what that may change.
    fn counted(&self) -> String {
        match self.forget {
            Some(Hook::BeforeUser) | None => COUNTED.to_owned(),
            Some(hook) => format!("forgotten forget={hook}"),
        }
    }

    /// What the kernel is told that a program is given.
    fn command_line_for_program(&self) -> String {
        let trace = if self.trace { "trace" } else { "" };
        format!("design={} {} {trace}", self.design, self.faults())
    }

    /// What the kernel is told, and behind ` -- ` its user program.
    fn command_line(&self, seed: u64) -> String {
        let program = match (&self.program, self.of_cases.filter.as_deref()) {
            (Some(program), _) => program.clone(),
            (None, Some(COUNTED)) => self.counted(),
            (None, filter) => {
                let mut words =
                    vec![format!("suite budget={} seed={seed}", self.of_cases.budget.as_millis())];
                words.extend(filter.map(|text| format!("filter={text}")));
                words.extend(self.of_cases.hunt.then(|| "hunt".to_owned()));
                // What single cases pass by says little of what is owed.
                words.extend((filter.is_none() && !self.of_cases.hunt).then(|| self.counted()));
                words.join(" ")
            }
        };
        let (design, faults) = (self.design, self.faults());
        format!("design={design} {faults} -- {program} design={design}")
    }
}
