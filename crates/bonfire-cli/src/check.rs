//! `bonfire check`: runs the cases on the kernel that runs, and reports.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bonfire_conformance::{Case, Group, Outcome, Reason, cases};
use clap::Args;

use crate::arguments::OfCases;
use crate::environment::Environment;
use crate::host::{Counter, needs};
use crate::interrupt;
use crate::progress::Progress;
use crate::report::{Report, text};
use crate::subject::Choice;
use crate::{seed, sys};

/// Check the running kernel (the default)
#[derive(Args)]
pub(crate) struct Options {
    /// What to check: host, fences, fences=PAIR, engine, or engine=DESIGN
    ///
    /// Fences are those that the crate bonfire offers programs, on the running kernel. PAIR says
    /// what a program does without the kernel's barrier: refuse (the default), full (fences on
    /// both sides), signal (one to every thread of the process, and judged only by cases between
    /// such threads), or process (the fences that need no token).
    ///
    /// The engine is bonfire's own implementation of the call, for kernels, on virtual CPUs made
    /// of threads and signals. DESIGN says how it chooses CPUs: running (the default),
    /// everywhere, mask, locked-mask or threads.
    #[arg(long, value_name = "SUBJECT", default_value = "host")]
    subject: Choice,

    /// List the cases that would run, and the clause that each rests on
    #[arg(long, conflicts_with_all = ["budget", "seed", "json", "junit"])]
    list: bool,

    /// Print the system calls that the cases make, and what is lost without each
    #[arg(long, conflicts_with_all = ["list", "hunt", "interrupts", "filter", "subject", "budget", "seed", "json", "junit"])]
    needs: bool,

    /// Where the kernel counts interrupts, such as /proc/interrupts:CAL
    ///
    /// FILE is a table as in /proc/interrupts, of which LINE names a line, or has a number a line.
    /// Adds the cases that assert on the count whom a barrier interrupts: each CPU that runs a
    /// thread which it is for, and no other.
    #[arg(long, value_name = "FILE[:LINE]", conflicts_with = "hunt")]
    interrupts: Option<Counter>,

    #[command(flatten)]
    of_cases: OfCases,
}

/// Checks, reports, and says how the process exits.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.needs {
        text::print(&needs::table())?;
        return Ok(ExitCode::SUCCESS);
    }
    let selected = options.selected()?;
    if options.list {
        text::print(&text::list(&selected))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Opened first, so that a path that cannot be written costs no run.
    let destinations = options.of_cases.destinations()?;
    let Some(report) = judge(options, &selected)? else { return Ok(interrupt::exit()) };
    for destination in destinations {
        destination.write(&report)?;
    }
    Ok(report.exit())
}

/// Runs the cases; `None` if the run was interrupted.
fn judge(options: &Options, selected: &[Case]) -> Result<Option<Report>> {
    let seed = seed::given_or_drawn(options.of_cases.seed);
    let subject = options.subject.open(seed, options.interrupts.clone())?;
    interrupt::watch();
    let began_ns = sys::now_ns();
    let limits = bonfire_conformance::Options { budget_ns: options.of_cases.budget.as_nanos() as u64, seed };
    let mut progress = Progress::new(selected.len());
    let summary = bonfire_conformance::run(&*subject, &|case| selected.contains(case), limits, &mut progress);
    let (machine, outcomes) = progress.finish();
    if interrupt::requested() {
        let not_run = |(_, outcome): &&(Case, Outcome)| outcome.reason == Some(Reason::NotRun);
        let ran = outcomes.len() - outcomes.iter().filter(not_run).count();
        anstream::eprintln!("interrupted in case {ran} of {}; no report", selected.len());
        return Ok(None);
    }
    Ok(Some(Report {
        subject: options.subject.to_string(),
        title: options.subject.title(),
        judged: options.subject.judged(),
        counted: Vec::new(),
        environment: Environment {
            interrupts: options.interrupts.as_ref().map(Counter::to_string),
            ..Environment::read()
        },
        seed,
        seed_given: options.of_cases.seed.is_some(),
        summary,
        machine,
        outcomes,
        not_run: options.not_run(),
        duration: Duration::from_nanos(sys::now_ns().saturating_sub(began_ns)),
        verbose: options.of_cases.verbose,
    }))
}

impl Options {
    /// The cases that were asked for. None is an error: nothing would be judged.
    fn selected(&self) -> Result<Vec<Case>> {
        let found: Vec<Case> = cases().filter(|case| self.matches(case)).collect();
        ensure!(
            found.is_empty() || found.iter().any(|case| self.is_judged_by(case)),
            "no case that is selected judges these fences; those of ordering, sync_core and rseq do, and of \
             fences=signal only between threads of one process"
        );
        ensure!(
            self.interrupts.is_none() || self.subject == Choice::Host,
            "--interrupts names a count of the running kernel; it is for --subject host"
        );
        let found = found.into_iter().filter(|case| self.is_judged_by(case));
        let (hunts, others): (Vec<Case>, Vec<Case>) = found.partition(is_hunt);
        let only_counts = others.iter().all(|case| case.group() == Group::Interrupts) && !others.is_empty();
        ensure!(
            self.interrupts.is_some() || !only_counts || self.list,
            "what this --filter selects asserts on a count of interrupts; add --interrupts FILE, such as \
             /proc/interrupts:CAL"
        );
        let is_asked_for = |case: &Case| self.interrupts.is_some() || case.group() != Group::Interrupts;
        let others: Vec<Case> = others.into_iter().filter(|case| is_asked_for(case) || only_counts).collect();
        match (self.of_cases.hunt, hunts.is_empty(), others.is_empty()) {
            (true, false, _) => Ok(hunts),
            (false, _, false) => Ok(others),
            (true, true, false) => {
                bail!("no hunt is selected by this --filter; leave --hunt out for its cases")
            }
            (false, false, true) => bail!("this --filter selects only hunts; add --hunt"),
            (_, true, true) => bail!("no case is selected by this --filter; `bonfire --list` shows all"),
        }
    }

    /// The hunts that this run leaves out, to be named as such.
    fn not_run(&self) -> Vec<Case> {
        let left_out = |case: &Case| !self.of_cases.hunt && self.matches(case) && self.is_judged_by(case);
        cases().filter(is_hunt).filter(left_out).collect()
    }

    fn is_judged_by(&self, case: &Case) -> bool {
        self.subject.is_judged_by(case)
    }

    fn matches(&self, case: &Case) -> bool {
        self.of_cases.filter.as_deref().is_none_or(|filter| case.matches(filter))
    }
}

fn is_hunt(case: &Case) -> bool {
    case.group() == Group::Hunt
}
