//! The tables for people.

use std::fmt::Write;

use bonfire_scale::{Design, Outcome, Workload};

use super::answers;
use super::growth;
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
    text.push_str(&switches_text(results));
    text.push_str(&growth_text(results));
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

/// What a context switch pays in its hook with each design where processes take turns:
/// of a process that registered, of another.
pub(super) fn switches(results: &Results) -> Vec<(Design, [Option<f64>; 2])> {
    let of = |design: Design, of: fn(&Outcome) -> Option<f64>| {
        let ours = |run: &&Ran| {
            let outcome = &run.outcome;
            run.part == Part::Designs && outcome.workload == "turns" && outcome.design == design
        };
        let all = results.runs.iter().filter(ours).filter_map(|run| of(&run.outcome)).collect::<Vec<_>>();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    };
    let pays = |design| {
        let registered = of(design, |outcome| outcome.switch_registered_ns);
        (design, [registered, of(design, |outcome| outcome.switch_other_ns)])
    };
    Design::ALL.map(pays).into_iter().filter(|(_, pays)| pays.iter().any(Option::is_some)).collect()
}

fn switches_text(results: &Results) -> String {
    let pays = switches(results);
    if pays.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{SWITCHES}\n  {:12} {:>10} {:>10}\n", "", "registered", "other");
    for (design, pays) in pays {
        let [registered, other] = pays.map(or_dash);
        let _ = writeln!(text, "  {:12} {registered:>10} {other:>10}", design.name());
    }
    text
}

/// A time, or that there is none.
pub(super) fn or_dash(ns: Option<f64>) -> String {
    ns.map_or_else(|| "-".into(), human)
}

/// What is said above them.
pub(super) const SWITCHES: &str =
    "What a context switch pays in its hook, by what its process registered for";
/// What is said above the exponents.
pub(super) const GROWTH: &str =
    "How the median call grows: with this power of the number of CPUs (± half of the 95 % interval)";

fn growth_text(results: &Results) -> String {
    let growths = growth::growths(results);
    let mut workloads = growths.iter().map(|growth| growth.workload.as_str()).collect::<Vec<_>>();
    workloads.dedup();
    if workloads.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{GROWTH}\n");
    for workload in workloads {
        let _ = writeln!(text, "  {workload}");
        for growth in growths.iter().filter(|growth| growth.workload == workload) {
            let _ = writeln!(text, "    {:12} {}", growth.design.name(), growth.exponent());
        }
    }
    text
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
