//! `bonfire check`: runs the cases on the kernel that runs, and reports.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bonfire_conformance::{Case, Group, Outcome, Reason, cases};
use clap::Args;

use crate::environment::Environment;
use crate::host::{Counter, needs};
use crate::interrupt;
use crate::progress::Progress;
use crate::report::{Destination, Format, Report, text};
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

    /// Run only the cases of this group, or those with this text in their id
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// List the cases that would run, and the clause that each rests on
    #[arg(long, conflicts_with_all = ["budget", "seed", "json", "junit"])]
    list: bool,

    /// Print the system calls that the cases make, and what is lost without each
    #[arg(long, conflicts_with_all = ["list", "hunt", "interrupts", "filter", "subject", "budget", "seed", "json", "junit"])]
    needs: bool,

    /// Hunt for known faults of real kernels that show only in some runs
    ///
    /// Runs the hunts in place of the other cases. They find more with a larger --budget, and
    /// with the right to use real-time priorities.
    #[arg(long)]
    hunt: bool,

    /// Where the kernel counts interrupts, such as /proc/interrupts:CAL
    ///
    /// FILE is a table as in /proc/interrupts, of which LINE names a line, or has a number a line.
    /// Adds the cases that assert on the count whom a barrier interrupts: each CPU that runs a
    /// thread which it is for, and no other.
    #[arg(long, value_name = "FILE[:LINE]", conflicts_with = "hunt")]
    interrupts: Option<Counter>,

    /// Wall clock of the whole run, at least 5 seconds
    ///
    /// It is shared out among the cases; a case that has seen enough leaves the rest to others.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = budget)]
    budget: Duration,

    /// Where the random delays start, to try those of an earlier run again
    #[arg(long, value_name = "NUMBER", value_parser = seed::parse)]
    seed: Option<u64>,

    /// Show every case with its evidence, not only the groups
    #[arg(long, short)]
    verbose: bool,

    /// Write a report in JSON to FILE, or to stdout in place of the one for people
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<OsString>,

    /// Write a report in JUnit's XML to FILE, or to stdout in place of the one for people
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    junit: Option<OsString>,
}

/// Seconds; a shorter run could not tell.
pub(crate) fn budget(text: &str) -> Result<Duration, String> {
    const SHORTEST: u64 = 5;
    const LONGEST: u64 = 7 * 24 * 60 * 60;
    match text.parse() {
        Ok(seconds @ SHORTEST..=LONGEST) => Ok(Duration::from_secs(seconds)),
        Ok(0..SHORTEST) => Err(format!("too short to tell anything; give it {SHORTEST} seconds or more")),
        _ => Err(format!("not a number of seconds from {SHORTEST} to {LONGEST}")),
    }
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
    let destinations = destinations(options.json.as_ref(), options.junit.as_ref())?;
    let Some(report) = judge(options, &selected)? else { return Ok(interrupt::exit()) };
    for destination in destinations {
        destination.write(&report)?;
    }
    Ok(report.exit())
}

/// Runs the cases; `None` if the run was interrupted.
fn judge(options: &Options, selected: &[Case]) -> Result<Option<Report>> {
    let seed = seed::given_or_drawn(options.seed);
    let subject = options.subject.open(seed, options.interrupts.clone())?;
    interrupt::watch();
    let began_ns = sys::now_ns();
    let limits = bonfire_conformance::Options { budget_ns: options.budget.as_nanos() as u64, seed };
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
        seed_given: options.seed.is_some(),
        summary,
        machine,
        outcomes,
        not_run: options.not_run(),
        duration: Duration::from_nanos(sys::now_ns().saturating_sub(began_ns)),
        verbose: options.verbose,
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
        match (self.hunt, hunts.is_empty(), others.is_empty()) {
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
        let left_out = |case: &Case| !self.hunt && self.matches(case) && self.is_judged_by(case);
        cases().filter(is_hunt).filter(left_out).collect()
    }

    fn is_judged_by(&self, case: &Case) -> bool {
        self.subject.is_judged_by(case)
    }

    /// By group if the filter is the name of one, else by a part of the id.
    fn matches(&self, case: &Case) -> bool {
        let Some(filter) = &self.filter else { return true };
        match Group::ALL.into_iter().find(|group| group.name() == filter) {
            Some(group) => case.group() == group,
            None => contains(case, filter),
        }
    }
}

/// Where reports go. The one for people goes to stdout unless another does.
pub(crate) fn destinations(json: Option<&OsString>, junit: Option<&OsString>) -> Result<Vec<Destination>> {
    let asked = [(json, Format::Json), (junit, Format::Junit)];
    let asked = asked.into_iter().filter_map(|(to, format)| Some((to?, format)));
    let mut all = asked.map(|(to, format)| Destination::open(to, format)).collect::<Result<Vec<_>>>()?;
    let taken = all.iter().filter(|destination| destination.is_stdout()).count();
    ensure!(taken < 2, "--json and --junit cannot both go to stdout; name a file for one");
    if taken == 0 {
        all.insert(0, Destination::people()?);
    }
    Ok(all)
}

fn is_hunt(case: &Case) -> bool {
    case.group() == Group::Hunt
}

/// Whether `part` is in the id of `case`, in capitals or not.
pub(crate) fn contains(case: &Case, part: &str) -> bool {
    case.to_string().to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_long_enough_to_tell() {
        assert_eq!(budget("5"), Ok(Duration::from_secs(5)));
        assert!(budget("4").is_err_and(|error| error.contains("5 seconds")));
        for nonsense in ["", "-1", "1e3", "30s", "99999999999999999999"] {
            assert!(budget(nonsense).is_err_and(|error| error.contains("number of seconds")), "{nonsense}");
        }
    }
}
