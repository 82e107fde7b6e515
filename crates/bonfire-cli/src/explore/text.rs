//! The report for people: for each design what became of its barriers, then
//! everything that is not as it should be, and what to think of all.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use bonfire_model::answer::{Answer, Judged, Verdict};
use bonfire_model::excuse::{self, Judgement};
use bonfire_model::explorer::Flaw;
use bonfire_model::matrix::{Found, Record};
use bonfire_model::question::{Changes, Question};
use bonfire_model::run::Design;
use indicatif::{HumanBytes, HumanCount};

use super::names::{spelled, told};
use super::question::Model;
use super::results::Results;

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const UNSURE: Style = AnsiColor::Yellow.on_default();
const WIDTH: usize = 80;

/// The whole report. A way to a flaw comes first where the engine as it ships has
/// one, and last where it was changed on purpose.
pub(super) fn report(results: &Results, way: Option<&str>) -> String {
    let judged = &results.answer.judged;
    let excuses: BTreeSet<&str> = judged.iter().filter_map(|judged| why(judged.judgement)).collect();
    let excuses: Vec<&str> = excuses.into_iter().collect();
    let mut report = header(results);
    let is_changed = matches!(results.answer.question.changes, Changes::One(_));
    let [first, last] = if is_changed { [None, way] } else { [way, None] };
    report.push_str(first.unwrap_or_default());
    for &design in &results.answer.question.designs {
        report.push_str(&of_design(&results.answer, design, &excuses));
    }
    if !excuses.is_empty() {
        let _ = writeln!(report, "\n{TITLE}Excuses{TITLE:#}");
    }
    for (letter, excuse) in ('a'..).zip(&excuses) {
        report.push_str(&wrapped(excuse, &format!("  {letter}  "), "     "));
    }
    report + &conclusion(results) + last.unwrap_or_default()
}

/// The scenarios of a question, and what each tells, a line each.
pub(super) fn list(question: &Question) -> String {
    let line = |scenario: &bonfire_model::scenario::Scenario| {
        let designs: Vec<&str> = scenario.designs.iter().map(|design| design.name()).collect();
        let only = if designs.is_empty() { String::new() } else { format!("; only {}", designs.join(", ")) };
        format!("{:26} {DIM}{}{only}{DIM:#}\n", scenario.name, scenario.about)
    };
    question.scenarios.iter().map(line).collect()
}

/// The scenarios of a question as diagrams, and the barriers that the engine
/// passed in each.
pub(super) fn drawn(question: &Question, unchanged: &[Record]) -> String {
    let mut text = String::new();
    for (place, scenario) in question.scenarios.iter().enumerate() {
        let _ = write!(text, "{scenario}");
        for record in unchanged.iter().filter(|record| record.job.scenario == place) {
            let sites: Vec<&str> = record.passed.iter().map(|site| site.name()).collect();
            let head = format!("  {} passes: ", record.job.design.name());
            text.push_str(&wrapped(&sites.join(", "), &head, "    "));
        }
        text.push('\n');
    }
    text
}

/// What came of a run, for people.
pub(super) fn found(answer: &Answer, record: &Record) -> String {
    match &record.found {
        Found::Holds => "holds".to_owned(),
        Found::Vacuous => "shows nothing: an outcome that must be possible was never reached".to_owned(),
        Found::Flawed(Flaw::Forbidden(outcome)) => {
            let scenario = &answer.question.scenarios[record.job.scenario];
            let registers = (0..scenario.registers).map(|register| format!("r{register}"));
            let words = scenario.shown.iter().map(|word| format!("{word:?}").to_lowercase());
            let values: Vec<String> = registers
                .chain(words)
                .zip(outcome)
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            format!("ends with {}, which is forbidden", values.join(", "))
        }
        Found::Flawed(Flaw::Hang) => "hangs".to_owned(),
        Found::Flawed(Flaw::Poked) => "interrupts a CPU, and may interrupt none".to_owned(),
        Found::Flawed(Flaw::PokedTwice) => "interrupts a CPU again before it took the first".to_owned(),
        Found::Flawed(Flaw::Paid) => "passes a barrier that nobody needs".to_owned(),
        Found::Flawed(Flaw::Unpinned) => "goes on where its thread may be moved".to_owned(),
        Found::CouldNotFinish => "could not finish within --memory".to_owned(),
    }
}

fn header(results: &Results) -> String {
    let asked = &results.asked;
    let model = match asked.memory {
        Model::Weak => "weak memory",
        Model::NoLb => "weak memory without load buffering",
        Model::Tso => "total store order",
        Model::Sc => "sequential consistency",
    };
    let cpus = if asked.cpus == 2 { "2 CPUs" } else { "3 and 4 CPUs" };
    let part =
        results.shard.map(|shard| format!(", shard {}/{}", shard.number, shard.of)).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!("{TITLE}bonfire {version}: every interleaving of the engine, {model}, {cpus}{part}{TITLE:#}\n")
}

fn of_design(answer: &Answer, design: Design, excuses: &[&str]) -> String {
    let judged = &answer.judged;
    let runs: Vec<&Record> = answer.unchanged.iter().filter(|record| record.job.design == design).collect();
    let wrong: Vec<&Record> = runs.iter().copied().filter(|record| record.found != Found::Holds).collect();
    let flawed = wrong.iter().filter(|record| matches!(record.found, Found::Flawed(_))).count();
    let hold = match (flawed, wrong.len() - flawed) {
        (0, 0) => "all hold".to_owned(),
        (0, untold) => format!("{untold} cannot be told"),
        (flawed, 0) => format!("{flawed} do not hold"),
        (flawed, untold) => format!("{flawed} do not hold, {untold} cannot be told"),
    };
    let mut text = format!("\n{TITLE}{}{TITLE:#}: {} scenarios, {hold}\n", design.name(), runs.len());
    text.push_str(&told_of(answer, &wrong));
    for judged in judged.iter().filter(|judged| judged.design == design) {
        text.push_str(&line(answer, judged, excuses));
    }
    if let (Changes::One((site, _)), true) =
        (answer.question.changes, judged.iter().all(|judged| judged.design != design))
    {
        let why = excuse::not_passed(design, site).unwrap_or("no scenario that was chosen gets there");
        let _ = writeln!(text, "  {UNSURE}{} is not passed: {why}{UNSURE:#}", site.name());
    }
    text
}

/// The runs of the engine as it ships that are not as they should be; of many, the
/// first.
fn told_of(answer: &Answer, wrong: &[&Record]) -> String {
    const MOST: usize = 10;
    let mut text = String::new();
    for record in &wrong[..wrong.len().min(MOST)] {
        let style = if matches!(record.found, Found::Flawed(_)) { BAD } else { UNSURE };
        let after = if record.found == Found::CouldNotFinish {
            format!(", {} states explored", HumanCount(record.states))
        } else {
            String::new()
        };
        let (name, found) = (answer.question.name_of(record), found(answer, record));
        let _ = writeln!(text, "  {style}{name}: {found}{after}{style:#}");
    }
    if wrong.len() > MOST {
        let _ = writeln!(text, "  {DIM}and {} more, which --json has{DIM:#}", wrong.len() - MOST);
    }
    text
}

fn line(answer: &Answer, judged: &Judged, excuses: &[&str]) -> String {
    let names = &answer.question.scenarios;
    let first = judged.cell.killed_by.first().map_or("", |&place| names[place].name.as_str());
    let more = match judged.cell.killed_by.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", several - 1),
    };
    let letter = why(judged.judgement)
        .and_then(|why| excuses.iter().position(|excuse| *excuse == why))
        .and_then(|place| ('a'..).nth(place))
        .unwrap_or(' ');
    let tried = scenarios(judged.cell.tried);
    let (style, verdict) = match judged.judgement {
        Judgement::Needed => (GOOD, format!("needed      {first}{more}")),
        Judgement::Excused(_) => (GOOD, format!("excused     {letter}")),
        Judgement::Unexplained if answer.is_judged() => {
            (BAD, format!("NOT NEEDED  nothing breaks in {tried}, and no excuse"))
        }
        Judgement::Unexplained => (DIM, format!("not judged  nothing breaks in {tried}")),
        Judgement::Outdated(_) => (BAD, format!("NEEDED      {first}{more}, though excused by {letter}")),
        Judgement::Unfinished => {
            (UNSURE, format!("unfinished  {} of {tried}; give more --memory", judged.cell.unfinished))
        }
    };
    format!("  {:24}{style}{verdict}{style:#}\n", spelled((judged.site, judged.change)))
}

const fn why(judgement: Judgement) -> Option<&'static str> {
    match judgement {
        Judgement::Excused(excuse) | Judgement::Outdated(excuse) => Some(excuse.why()),
        Judgement::Needed | Judgement::Unexplained | Judgement::Unfinished => None,
    }
}

fn conclusion(results: &Results) -> String {
    let answer = &results.answer;
    let runs = answer.unchanged.len() + answer.changed.len();
    let seconds = results.measured.seconds;
    let states = answer.states();
    let peak = results.measured.peak_memory_bytes;
    let peak = peak.map(|bytes| format!(", {} of memory", HumanBytes(bytes))).unwrap_or_default();
    let speed = states as f64 / 1e6 / seconds.max(1e-9);
    let effort = format!(
        "\n{} runs, {} of them as it ships.\n\
         {} states in {seconds:.1} s ({speed:.1} million/s){peak}.\n",
        HumanCount(runs as u64),
        HumanCount(answer.unchanged.len() as u64),
        HumanCount(states)
    );
    let style = match answer.verdict {
        Verdict::Holds => GOOD,
        Verdict::Broken => BAD,
        Verdict::CannotTell => UNSURE,
    };
    let said = wrapped(&sentence(results), "", "");
    format!("{DIM}{effort}{DIM:#}{style}{}{style:#}\n", said.trim_end())
}

/// What to think of all.
fn sentence(results: &Results) -> String {
    let answer = &results.answer;
    let verdict = answer.verdict;
    if let Changes::One(change) = answer.question.changes {
        let engine = told(&vec![change]);
        return match (verdict, answer.flaw()) {
            (_, Some(record)) => {
                format!(
                    "The engine {engine} breaks: {} {}.",
                    answer.question.name_of(record),
                    found(answer, record)
                )
            }
            (Verdict::CannotTell, _) if answer.changed.is_empty() => {
                format!("Cannot tell: nothing that was chosen passes {}.", change.0.name())
            }
            (Verdict::CannotTell, _) => {
                "Cannot tell: not every scenario could be finished, or shows something.".to_owned()
            }
            _ => format!("Nothing breaks {engine} in {}.", scenarios(answer.changed.len())),
        };
    }
    let part = match (results.shard, answer.is_judged()) {
        (Some(_), _) => " in this shard; what survives is judged when all are merged",
        (None, false) => "; what survives a part of the scenarios, or another machine, is not judged",
        (None, true) => ", and every barrier is needed or excused",
    };
    let count =
        |bad: fn(&Judgement) -> bool| answer.judged.iter().filter(|judged| bad(&judged.judgement)).count();
    let broken = answer.wrong().filter(|record| matches!(record.found, Found::Flawed(_))).count();
    match verdict {
        Verdict::Holds => format!("Every scenario holds{part}."),
        Verdict::Broken => format!(
            "Broken: {broken} scenarios; {} changes survive without an excuse; {} excuses are outdated.",
            count(|judgement| *judgement == Judgement::Unexplained),
            count(|judgement| matches!(judgement, Judgement::Outdated(_)))
        ),
        Verdict::CannotTell => format!(
            "Cannot tell: {} scenarios of the engine as it ships and {} changes could not be finished, or \
             show nothing; {} MiB were allowed.",
            answer.wrong().count(),
            count(|judgement| *judgement == Judgement::Unfinished),
            results.measured.memory_limit_mib
        ),
    }
}

fn scenarios(count: usize) -> String {
    format!("{} scenario{}", HumanCount(count as u64), if count == 1 { "" } else { "s" })
}

pub(super) fn wrapped(text: &str, first: &str, others: &str) -> String {
    let options = textwrap::Options::new(WIDTH).initial_indent(first).subsequent_indent(others);
    textwrap::fill(text, options) + "\n"
}
