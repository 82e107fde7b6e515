//! The report for people: what the verdict depends on, a line for each group,
//! everything that is not plainly well, and what to do next.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use bonfire_conformance::{Case, Evidence, Group, Outcome, Rounds, Verdict};
use indicatif::HumanCount;

use super::{Counted, Report};
use crate::environment::Environment;

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Prints to stdout, without colours where none are wanted. False if the other
/// end was closed before all was written.
pub(crate) fn print(text: &str) -> Result<bool> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).context("cannot write to stdout"),
    }
}

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let parts = [
        header(report),
        machine(report),
        if report.verbose { every_case(report) } else { String::new() },
        groups(report),
        violations(report),
        untold(report),
        not_observable(report),
        counted(report),
        not_run(report),
        conclusion(report),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What the machine was measured to be able to show.
fn machine(report: &Report) -> String {
    let Some(abilities) = &report.machine else { return String::new() };
    format!("{TITLE}measured of this machine{TITLE:#}\n{}", indented(abilities))
}

/// What was counted: that all is right in a line, or each that is not.
fn counted(report: &Report) -> String {
    if report.counted.is_empty() {
        return String::new();
    }
    let wrong: Vec<_> = report.counted.iter().filter(|count| !count.is_right()).collect();
    let shown: Vec<_> = if report.verbose { report.counted.iter().collect() } else { wrong.clone() };
    let right = report.counted.len() - wrong.len();
    let title = format!("{TITLE}counted{TITLE:#}  {right} of {} as owed\n", report.counted.len());
    let line = |count: &&Counted| {
        let style = colour(if count.is_right() { Verdict::Conforms } else { Verdict::DoesNotConform });
        let Counted { name, counted, least, most } = count;
        format!("  {style}{name:40}{style:#} {counted} times, owed {least} to {most}\n")
    };
    title + &shown.iter().map(line).collect::<String>()
}

/// The cases, and the clause that each rests on.
pub(crate) fn list(cases: &[Case]) -> String {
    let width = cases.iter().map(|case| case.to_string().len()).max().unwrap_or(0);
    cases
        .iter()
        .map(|case| format!("{:width$}  {DIM}{}{DIM:#}\n", case.to_string(), case.citation()))
        .collect()
}

/// What a case does, why, and what a failure means.
pub(crate) fn explanation(case: &Case) -> String {
    let title = format!("{TITLE}{case}{TITLE:#}");
    let diagram = case.diagram().map(|diagram| indented(&diagram)).unwrap_or_default();
    let explanation = indented(&case.explanation());
    let parts = [
        title,
        diagram,
        explanation,
        conditions(case),
        format!("  {DIM}rests on{DIM:#} {}\n", case.citation()),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Where it can be tried, as the rule has it.
fn conditions(case: &Case) -> String {
    let rows: String = case.conditions().map(|row| format!("  - {row}\n")).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "  Where it can be seen, by what is measured of the machine; the first that applies decides:\n{rows}"
    )
}

fn indented(text: &dyn Display) -> String {
    text.to_string().lines().map(|line| format!("  {line}\n")).collect()
}

/// What the verdict depends on.
fn header(report: &Report) -> String {
    let Environment { kernel, architecture, cpus_allowed, cpus_online, .. } = &report.environment;
    let unknown = || "unknown".to_owned();
    let allowed = cpus_allowed.clone().unwrap_or_else(unknown);
    let online = cpus_online.clone().unwrap_or_else(unknown);
    let filters = match report.environment.seccomp_filters {
        None => unknown(),
        Some(0) => "none".into(),
        Some(count) => format!("{count} of seccomp; a filter may answer in the kernel's place"),
    };
    let realtime = match report.environment.realtime {
        Some(true) => "real-time priorities".into(),
        Some(false) => "no real-time priorities".into(),
        None => unknown(),
    };
    let seed = format!("{:#x}{}", report.seed, if report.seed_given { "" } else { " (drawn)" });
    let lines = [
        ("kernel", kernel.clone()),
        ("architecture", (*architecture).into()),
        ("CPUs", format!("{allowed} allowed of {online} online")),
        ("nohz_full", report.environment.nohz_full.clone().unwrap_or_else(unknown)),
        ("filters", filters),
        ("virtualised", report.environment.virtualised.clone().unwrap_or_else(unknown)),
        ("rights", realtime),
        ("seed", seed),
    ];
    let counted = report.environment.interrupts.clone().map(|counter| ("interrupts", counter));
    let version = env!("CARGO_PKG_VERSION");
    let title = format!("{TITLE}bonfire {version}: membarrier(2) of {}{TITLE:#}", report.title);
    let line = |(name, value): &(&str, String)| format!("  {DIM}{name:13}{DIM:#}{value}\n");
    format!("{title}\n{}", lines.iter().chain(&counted).map(line).collect::<String>())
}

/// One line for each case.
fn every_case(report: &Report) -> String {
    let line = |(case, outcome): &(Case, Outcome)| {
        let style = colour(outcome.verdict);
        let counts = counts(&outcome.evidence).unwrap_or_else(|| evidence(&[outcome]));
        format!("{style}{:20}{style:#}{case}  {DIM}{counts}{DIM:#}\n", outcome.verdict.name())
    };
    report.outcomes.iter().map(line).collect()
}

/// One line for each group: the four counts, and what they rest on.
fn groups(report: &Report) -> String {
    let titles = Verdict::ALL.map(|verdict| format!("{:>width$}", heading(verdict), width = WIDTH)).concat();
    let mut table = format!("{TITLE}{:11}{titles}   evidence{TITLE:#}\n", "group");
    for group in Group::ALL {
        let members: Vec<&Outcome> = outcomes(report, group).collect();
        if members.is_empty() {
            continue;
        }
        let counts = Verdict::ALL.map(|verdict| count(&members, verdict)).concat();
        table += &format!("{:11}{counts}   {DIM}{}{DIM:#}\n", group.name(), evidence(&members));
    }
    table
}

/// Of a column of counts.
const WIDTH: usize = 16;

const fn heading(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conforms => "conforms",
        Verdict::DoesNotConform => "does not",
        Verdict::CannotTell => "cannot tell",
        Verdict::NotObservable => "not observable",
    }
}

const fn colour(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Conforms => AnsiColor::Green,
        Verdict::DoesNotConform => AnsiColor::Red,
        Verdict::CannotTell => AnsiColor::Yellow,
        Verdict::NotObservable => AnsiColor::BrightBlack,
    };
    colour.on_default()
}

fn outcomes(report: &Report, group: Group) -> impl Iterator<Item = &Outcome> {
    report.outcomes.iter().filter(move |(case, _)| case.group() == group).map(|(_, outcome)| outcome)
}

fn count(members: &[&Outcome], verdict: Verdict) -> String {
    let style = colour(verdict);
    match members.iter().filter(|outcome| outcome.verdict == verdict).count() {
        0 => format!("{DIM}{:>WIDTH$}{DIM:#}", "-"),
        count => format!("{style}{count:>WIDTH$}{style:#}"),
    }
}

/// What a group's verdicts rest on, added up; of confidences, the least.
fn evidence(members: &[&Outcome]) -> String {
    let answers: u64 = members.iter().map(|outcome| outcome.evidence.calls).sum();
    let told = |outcome: &&&Outcome| outcome.verdict == Verdict::Conforms;
    let litmus = |outcome: &&Outcome| outcome.evidence.rounds;
    let rounds: u64 = members.iter().filter_map(litmus).map(|rounds| rounds.rounds).sum();
    let least =
        members.iter().filter(told).filter_map(litmus).map(|rounds| rounds.confidence()).reduce(f64::min);
    let answers = (answers > 0).then(|| format!("{} answers", HumanCount(answers)));
    let rounds = (rounds > 0).then(|| format!("{} rounds", HumanCount(rounds)));
    let least = least.map(|least| format!("confidence {} or more", Percent(least)));
    [answers, rounds, least].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Each case that does not conform: what was seen, and the clause it breaks.
fn violations(report: &Report) -> String {
    let violation = |(case, outcome): &(Case, Outcome)| {
        let sessions = match outcome.evidence.sessions {
            2.. => "; a second, independent session saw it, too",
            _ => "",
        };
        let reason = outcome.reason.map(|reason| format!("    {reason}{sessions}\n")).unwrap_or_default();
        let counts = counts(&outcome.evidence).map(|counts| format!("    {counts}\n")).unwrap_or_default();
        format!("  {case}\n{reason}{counts}    {DIM}rests on {}{DIM:#}\n", case.citation())
    };
    titled(Verdict::DoesNotConform, report.with(Verdict::DoesNotConform).map(violation).collect())
}

/// The cases that cannot be told, by what is in the way: often one thing is in
/// the way of many.
fn untold(report: &Report) -> String {
    let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (case, outcome) in report.with(Verdict::CannotTell) {
        let counts = counts(&outcome.evidence).map(|counts| format!("  {DIM}{counts}{DIM:#}"));
        let reason = outcome.reason.map(|reason| reason.to_string()).unwrap_or_default();
        cases.entry(reason).or_default().push(format!("    {case}{}\n", counts.unwrap_or_default()));
    }
    let reason = |(reason, cases): (&String, &Vec<String>)| format!("  {reason}\n{}", cases.concat());
    titled(Verdict::CannotTell, cases.iter().map(reason).collect())
}

fn titled(verdict: Verdict, body: String) -> String {
    if body.is_empty() {
        return body;
    }
    let style = colour(verdict).bold();
    format!("{style}{}{style:#}\n{body}", capital(verdict.name()))
}

fn counts(evidence: &Evidence) -> Option<String> {
    let Rounds { rounds, forbidden, twin_rounds, twin_forbidden } = evidence.rounds?;
    let [rounds, forbidden, twin_rounds, twin_forbidden] =
        [rounds, forbidden, twin_rounds, twin_forbidden].map(HumanCount);
    Some(format!(
        "forbidden in {forbidden} of {rounds} rounds; without the barrier in {twin_forbidden} of {twin_rounds}"
    ))
}

/// Too many to name: how many there are for each reason.
fn not_observable(report: &Report) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for reason in report.with(Verdict::NotObservable).filter_map(|(_, outcome)| outcome.reason) {
        *reasons.entry(reason.to_string()).or_default() += 1;
    }
    if reasons.is_empty() {
        return String::new();
    }
    let lines: String = reasons.iter().map(|(reason, count)| format!("{count:5}  {reason}\n")).collect();
    format!("{TITLE}Not observable here{TITLE:#}\n{lines}")
}

fn not_run(report: &Report) -> String {
    if report.not_run.is_empty() {
        return String::new();
    }
    let cases: String = report.not_run.iter().map(|case| format!("  {case}\n")).collect();
    let title = "Not run: hunts for known faults that show only in some runs; add --hunt";
    format!("{TITLE}{title}{TITLE:#}\n{cases}")
}

/// The four counts, the verdict, and what to do next.
fn conclusion(report: &Report) -> String {
    let [conform, do_not, cannot_tell, not_observable] = Verdict::ALL.map(|v| report.summary.count(v));
    let verdict = report.summary.verdict();
    let style = colour(verdict).bold();
    let judged = report.judged;
    let says = match verdict {
        Verdict::Conforms => format!("{judged} conforms in all that could be judged here."),
        Verdict::DoesNotConform => format!("{judged} does not conform."),
        Verdict::CannotTell => {
            "Nothing wrong was seen, but some cases could not be told; their reasons say what they lack."
                .into()
        }
        Verdict::NotObservable if !report.counted.is_empty() => "Only barriers were counted.".into(),
        Verdict::NotObservable => "No case could be judged here.".into(),
    };
    let next = match verdict {
        Verdict::DoesNotConform => "\n`bonfire explain CASE` tells what a case means.",
        _ => "",
    };
    let cases = report.outcomes.len();
    let seconds = report.duration.as_secs_f64();
    format!(
        "{cases} cases in {seconds:.1} s: {conform} conform, {do_not} do not, {cannot_tell} cannot tell, \
         {not_observable} not observable here\n{style}{says}{style:#}{next}\n"
    )
}

fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

/// A probability near 1 as people read it: never rounded up to certainty.
struct Percent(f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 * 100.0 {
            percent if percent >= 99.99 => f.write_str("99.99 %"),
            percent => write!(f, "{:.2} %", (percent * 100.0).floor() / 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_is_never_rounded_up_to_certainty() {
        assert_eq!(Percent(1.0).to_string(), "99.99 %");
        assert_eq!(Percent(0.999_999).to_string(), "99.99 %");
        assert_eq!(Percent(0.998_76).to_string(), "99.87 %");
        assert_eq!(Percent(0.0).to_string(), "0.00 %");
    }
}
