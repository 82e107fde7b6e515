//! Two reports side by side: what each says of its kernel.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How a case ended: its verdict, and why where there is no plain answer.
#[derive(Debug, PartialEq)]
struct Ending {
    verdict: String,
    reason: String,
}

/// Prints where the reports of `host` and `guest` differ, and fails where that
/// has no good cause.
pub(super) fn run(host: &Path, guest: &Path) -> Result<()> {
    let (host, guest) = (read(host)?, read(guest)?);
    println!("host:  {}\nguest: {}", kernel(&host), kernel(&guest));
    let (host, guest) = (endings(&host)?, endings(&guest)?);
    ensure!(host.keys().eq(guest.keys()), "the two runs did not run the same cases");
    let differing =
        host.iter().zip(guest.values()).filter(|((_, host), guest)| host.verdict != guest.verdict);
    let mut unexplained = 0;
    for ((id, host), guest) in differing {
        let excuse = if is_excused(guest) { "" } else { "  <- no good cause" };
        unexplained += usize::from(!is_excused(guest));
        println!("{id}: {} here, {} there: {}{excuse}", host.verdict, guest.verdict, guest.reason);
    }
    ensure!(unexplained == 0, "{unexplained} of {} cases differ without a good cause", host.len());
    println!("{} cases: the same of both kernels, but for what is said above", host.len());
    Ok(())
}

/// A guest may lack a command, and an emulator may be unable to show something.
fn is_excused(guest: &Ending) -> bool {
    guest.verdict == "not observable here"
}

fn read(report: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(report).with_context(|| format!("no {}", report.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report: {text:.200}", report.display()))
}

fn kernel(report: &Value) -> String {
    let says = &report["environment"];
    format!("{} {}, {} CPUs", says["kernel"], says["architecture"], says["cpus_allowed"])
}

fn endings(report: &Value) -> Result<BTreeMap<String, Ending>> {
    let cases = report["cases"].as_array().context("a report without cases")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ending = |case: &Value| Ending { verdict: text(&case["verdict"]), reason: text(&case["reason"]) };
    Ok(cases.iter().map(|case| (text(&case["id"]), ending(case))).collect())
}
