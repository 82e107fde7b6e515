//! The tables for people.

use std::fmt::Write;

use bonfire_scale::{Design, Outcome, Workload};

use super::answers;
use super::json::{Ran, Results};
use super::plan::Part;

/// A figure of an outcome, as text.
type Figure = fn(&Outcome) -> String;

/// The columns: their names, and what stands in them.
pub(super) const COLUMNS: [(&str, Figure); 9] = [
    ("calls/s", |outcome| count(outcome.calls_per_second)),
    ("median", |outcome| latency(outcome, |latency| latency.median)),
    ("p99", |outcome| latency(outcome, |latency| latency.p99)),
    ("p99.9", |outcome| latency(outcome, |latency| latency.p999)),
    ("int/call", |outcome| count(outcome.interrupts_per_call)),
    ("int/CPU/s", |outcome| count(outcome.interrupts_per_cpu_second)),
    ("lines/call", |outcome| count(outcome.lines_per_call)),
    ("lock wait", |outcome| human(outcome.lock_wait_ns)),
    ("bystander", |outcome| {
        outcome.bystander_loss.map_or_else(|| "-".into(), |loss| format!("-{:.2} %", 100.0 * loss.max(0.0)))
    }),
];

/// Everything.
pub(super) fn report(results: &Results) -> String {
    let mut text = String::new();
    for (machine, cpus, workload) in tables(results) {
        let ours = |run: &&Ran| {
            let outcome = &run.outcome;
            run.part == Part::Designs
                && outcome.machine == machine
                && outcome.cpus == cpus
                && outcome.workload == workload
        };
        let _ = writeln!(text, "\n{workload} on {machine}, {cpus} CPUs{}", says(&workload));
        text.push_str(&table(results.runs.iter().filter(ours).map(|run| &run.outcome)));
    }
    text.push_str(&switches(results));
    text.push_str(&answers::text(results));
    let measured = &results.measured;
    let speed = measured.steps as f64 / measured.seconds.max(1e-9);
    let _ = writeln!(
        text,
        "\n{} runs, {} steps in {:.1} s ({} a second). Times are virtual; docs/scale.md says what they rest on.",
        results.runs.len(),
        count(measured.steps as f64),
        measured.seconds,
        count(speed)
    );
    text
}

/// The tables there are, in the order of their first runs.
pub(super) fn tables(results: &Results) -> Vec<(String, usize, String)> {
    let mut found = Vec::new();
    for run in results.runs.iter().filter(|run| run.part == Part::Designs) {
        let key = (run.outcome.machine.clone(), run.outcome.cpus, run.outcome.workload.clone());
        if !found.contains(&key) {
            found.push(key);
        }
    }
    found
}

fn says(workload: &str) -> String {
    Workload::named(workload).map(|workload| format!(": {}", workload.says)).unwrap_or_default()
}

fn table<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let mut text = format!("  {:12}", "");
    for (name, _) in COLUMNS {
        let _ = write!(text, " {name:>10}");
    }
    text.push('\n');
    for outcome in outcomes {
        let _ = write!(text, "  {:12}", outcome.design.name());
        for (_, cell) in COLUMNS {
            let _ = write!(text, " {:>10}", cell(outcome));
        }
        text.push('\n');
    }
    text
}

/// What a context switch pays, over all workloads of the comparison.
fn switches(results: &Results) -> String {
    let mut text = String::new();
    for design in Design::ALL {
        let mean = |of: fn(&Outcome) -> Option<f64>| {
            let all =
                results.runs.iter().filter(|run| run.part == Part::Designs && run.outcome.design == design);
            let all = all.filter_map(|run| of(&run.outcome)).collect::<Vec<_>>();
            (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
        };
        if let Some(registered) = mean(|outcome| outcome.switch_registered_ns) {
            let _ = writeln!(text, "  {:12} {:>10}", design.name(), human(registered));
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("\nWhat a context switch pays in its hook, process registered\n{text}")
    }
}

fn latency(outcome: &Outcome, of: fn(&bonfire_scale::Latency) -> f64) -> String {
    outcome.latency_ns.as_ref().map_or_else(|| "-".into(), |latency| human(of(latency)))
}

/// A number with three digits and a letter for its thousands.
pub(super) fn count(number: f64) -> String {
    let (value, letter) = match number {
        number if number >= 1e9 => (number / 1e9, "G"),
        number if number >= 1e6 => (number / 1e6, "M"),
        number if number >= 1e4 => (number / 1e3, "k"),
        number => (number, ""),
    };
    let digits = if value == 0.0 { 0 } else { usize::from(value < 100.0) + usize::from(value < 10.0) };
    format!("{value:.digits$}{letter}")
}

/// Nanoseconds.
pub(super) fn human(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = if value == 0.0 { 0 } else { usize::from(value < 100.0) + usize::from(value < 10.0) };
    format!("{value:.digits$} {unit}")
}
