//! `bonfire bench --rcu`: what read sections and updates cost, of `bonfire-rcu` and of others.
//!
//! They are measured by a program of its own, `benches/rcu`, which builds a dozen crates that
//! nobody who only wants fences should have to. Here that is run, or what it wrote is read,
//! and shown.

mod page;
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::Options;
use crate::output::Output;
use crate::report::text;

const MANIFEST: &str = "benches/rcu/Cargo.toml";
const SCHEMA: &str = "bonfire-bench-rcu";
const VERSION: u32 = 1;

/// All that was measured, and where.
#[derive(Deserialize, Serialize)]
struct Report {
    schema: String,
    version: u32,
    processor: String,
    /// How many tasks wanted a CPU in the minute before, and in the last one.
    load: Vec<Option<f64>>,
    not_measured: Vec<String>,
    figures: Vec<Figure>,
}

/// A median, with the tenth and ninetieth percentile.
#[derive(Clone, Deserialize, Serialize)]
struct Figure {
    group: String,
    name: String,
    readers: usize,
    updates: String,
    unit: String,
    median: f64,
    p10: f64,
    p90: f64,
    samples: usize,
}

/// Measures, or reads what was measured, and writes what was asked for.
pub(super) fn run(file: Option<&Path>, options: &Options) -> Result<ExitCode> {
    let json = options.for_machines.open()?;
    let html = options.html.as_deref().map(Output::open).transpose()?;
    let report = parse(&file.map_or_else(measured, written)?)?;
    let with_table = !json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if with_table {
        text::print(&table::table(&report))?;
    }
    if let Some(html) = html {
        html.write(&page::page(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(text: &str) -> Result<Report> {
    let report: Report = serde_json::from_str(text).context("these are no figures of benches/rcu")?;
    let Report { schema, version, .. } = &report;
    ensure!(
        schema == SCHEMA && *version == VERSION,
        "these are figures of {schema:?}, version {version}, and not of {SCHEMA:?}, version {VERSION}"
    );
    Ok(report)
}

/// What was written to `file`, or to stdin.
fn written(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return io::read_to_string(io::stdin()).context("cannot read stdin");
    }
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// What the harness prints.
fn measured() -> Result<String> {
    let manifest = manifest()?;
    // Two programs: the first uses are measured in processes of the other one.
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).args(["--release", "--manifest-path"]).arg(&manifest);
        cargo
    };
    let built =
        cargo(&["build", "--bins"]).status().context("cargo cannot be run: the harness is built first")?;
    ensure!(built.success(), "the harness does not build: {}", manifest.display());
    let output = cargo(&["run", "--quiet", "--bin", "rcu"]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the harness failed: {}", output.status);
    String::from_utf8(output.stdout).context("the harness prints text")
}

/// The harness, in the checkout that this is run in.
fn manifest() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().map(|folder| folder.join(MANIFEST)).find(|path| path.exists());
    let Some(found) = found else {
        bail!(
            "the harness is not here: run this in a checkout of Bonfire's repository, or name a file that \
             was written there: cargo run --release --manifest-path {MANIFEST} --bin rcu > FILE"
        )
    };
    Ok(found)
}

/// What a figure was measured beside, as short as it gets.
fn situation(figure: &Figure) -> String {
    let readers = match figure.readers {
        1 => "1 reader".to_owned(),
        readers => format!("{readers} readers"),
    };
    match figure.updates.as_str() {
        "none" => readers,
        updates => format!("{readers}, {updates}"),
    }
}

/// The figures of one kind, and its name with the unit.
fn kinds(report: &Report) -> Vec<(String, Vec<&Figure>)> {
    let mut kinds: Vec<(String, Vec<&Figure>)> = Vec::new();
    for figure in &report.figures {
        let title = match figure.unit.as_str() {
            "" => figure.group.clone(),
            unit => format!("{}, {unit}", figure.group),
        };
        match kinds.iter_mut().find(|(kind, _)| *kind == title) {
            Some((_, figures)) => figures.push(figure),
            None => kinds.push((title, vec![figure])),
        }
    }
    kinds
}

/// A number to three digits, large ones whole.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        value if value < 10.0 && value.fract() != 0.0 => 2,
        value if value < 100.0 && value.fract() != 0.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let figure =
            |group: &str, name: &str, (readers, updates): (usize, &str), unit: &str, median| Figure {
                group: group.into(),
                name: name.into(),
                readers,
                updates: updates.into(),
                unit: unit.into(),
                median,
                p10: median / 2.0,
                p90: median * 2.0,
                samples: 5,
            };
        Report {
            schema: SCHEMA.into(),
            version: VERSION,
            processor: "a <processor>".into(),
            load: vec![Some(1.0), None],
            not_measured: vec!["a & b".into()],
            figures: vec![
                figure("read section", "bare", (1, "none"), "ns", 0.25),
                figure("read section", "other", (1, "none"), "ns", 12.5),
                figure("an update", "other", (1, "1 kHz"), "µs", 3.0),
                figure("an update", "other", (2, "saturated"), "µs", 4321.0),
            ],
        }
    }

    #[test]
    fn the_table_has_a_column_for_each_situation() {
        let table = table::table(&report());
        for text in
            ["1 reader, 1 kHz", "2 readers, saturated", "0.25", "12.5", "4321", "not measured: a & b", "50.0"]
        {
            assert!(table.contains(text), "{text}: {table}");
        }
    }

    #[test]
    fn the_page_has_every_figure_and_escapes_names() {
        let page = page::page(&report());
        for text in ["a &lt;processor&gt;", "12.5 ns", "4.32 ms", "a &amp; b", "logarithmic scale"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("NaN"));
    }

    #[test]
    fn figures_of_something_else_are_refused() {
        let of = |text: &str| parse(text).map(drop).unwrap_err().to_string();
        assert!(of("{}").contains("no figures"));
        let other = serde_json::to_string(&Report { version: 9, ..report() }).unwrap();
        assert!(of(&other).contains("version 9"));
        assert!(parse(&serde_json::to_string(&report()).unwrap()).is_ok());
    }
}
