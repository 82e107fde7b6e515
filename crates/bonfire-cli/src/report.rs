//! What a run found, and where and in which form it is written.

pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod text;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use bonfire_conformance::{Abilities, Case, Outcome, Summary, Verdict};
use serde::Serialize;

use crate::environment::Environment;
use crate::output::Output;

/// A run that came to its end.
pub(crate) struct Report {
    /// What was judged, by its name and in words.
    pub(crate) subject: String,
    pub(crate) title: String,
    /// What the verdict is on, at the start of a sentence.
    pub(crate) judged: &'static str,
    pub(crate) environment: Environment,
    /// Where the random delays started, given or drawn.
    pub(crate) seed: u64,
    pub(crate) seed_given: bool,
    pub(crate) summary: Summary,
    /// What was measured of the machine, where a case needed to know.
    pub(crate) machine: Option<Abilities>,
    /// In the order in which the cases ran.
    pub(crate) outcomes: Vec<(Case, Outcome)>,
    /// Barriers and interrupts that were counted, in the testbed.
    pub(crate) counted: Vec<Counted>,
    /// The hunts that were left out.
    pub(crate) not_run: Vec<Case>,
    pub(crate) duration: Duration,
    /// Whether people want a line for every case.
    pub(crate) verbose: bool,
}

impl Report {
    /// What the exit status says: 0 conforms, 1 does not, 2 nothing is certain.
    pub(crate) fn status(&self) -> u8 {
        if !self.counted.iter().all(Counted::is_right) {
            return 1;
        }
        match self.summary.verdict() {
            Verdict::NotObservable if !self.counted.is_empty() => 0,
            Verdict::Conforms => 0,
            Verdict::DoesNotConform => 1,
            Verdict::CannotTell | Verdict::NotObservable => 2,
        }
    }

    /// The status, and on stderr the cause if no case got a verdict.
    pub(crate) fn exit(&self) -> ExitCode {
        let judged = self.summary.count(Verdict::Conforms) + self.summary.count(Verdict::DoesNotConform);
        let reason = self.outcomes.iter().find_map(|(_, outcome)| outcome.reason);
        if let (0, true, Some(reason)) = (judged, self.counted.is_empty(), reason) {
            anstream::eprintln!("no verdict on any of {} cases: {reason}", self.outcomes.len());
        }
        ExitCode::from(self.status())
    }

    /// Those cases that got `verdict`.
    fn with(&self, verdict: Verdict) -> impl Iterator<Item = &(Case, Outcome)> {
        self.outcomes.iter().filter(move |(_, outcome)| outcome.verdict == verdict)
    }
}

/// How often something happened, and how often it had to, at the least and the
/// most.
#[derive(Serialize)]
pub(crate) struct Counted {
    pub(crate) name: String,
    pub(crate) counted: u64,
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Counted {
    /// Whether what was owed was done, and nothing more.
    pub(crate) const fn is_right(&self) -> bool {
        self.least <= self.counted && self.counted <= self.most
    }
}

/// For whom a report is.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    People,
    Json,
    Junit,
}

/// Where a report goes, opened before the run.
pub(crate) struct Destination {
    format: Format,
    output: Output,
}

impl Destination {
    /// The report for people on stdout.
    pub(crate) fn people() -> Result<Self> {
        Self::open(OsStr::new("-"), Format::People)
    }

    /// A report to the file of this name, or to stdout if it is `-`.
    pub(crate) fn open(name: &OsStr, format: Format) -> Result<Self> {
        Ok(Self { format, output: Output::open(Path::new(name))? })
    }

    pub(crate) const fn is_stdout(&self) -> bool {
        self.output.is_stdout()
    }

    /// Writes `report` in this destination's form.
    pub(crate) fn write(self, report: &Report) -> Result<()> {
        let text = match self.format {
            Format::People => text::report(report),
            Format::Json => json::report(report)?,
            Format::Junit => junit::report(report)?,
        };
        if !self.output.write(&text)? {
            anstream::eprintln!(
                "stdout was closed before the report was written; the verdict is: {}",
                report.summary.verdict()
            );
        }
        Ok(())
    }
}
