//! `cargo xtask hooks`: boots the testbed without each of the engine's hooks, in
//! every design, and prints as a table what became of it.
//!
//! The promise is that of `docs/porting.md`: a hook that a kernel forgets makes
//! calls slow and is counted, and no barrier is missing. What may not be forgotten
//! must be seen: a caller that waits for ever, a call that is refused, a core
//! serialisation that is owed and not done.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bonfire_testbed::{Hook, Variant};
use serde_json::Value;

use crate::{boots, testbed};

/// What is booted.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The CPUs of the machine
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    #[command(flatten)]
    machine: testbed::Machine,
    /// More for `bonfire boot`, such as `-- --filter SB/PRIVATE --budget 5`
    #[arg(last = true, value_name = "OPTIONS")]
    more: Vec<String>,
}

/// Boots, prints a row for each hook, and fails if one lost a barrier.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (_, image) = testbed::build(options.machine.architecture)?;
    let bonfire = boots::command()?;
    println!("| forgotten | {} |", Variant::ALL.map(Variant::name).join(" | "));
    println!("|---|{}", "---|".repeat(Variant::ALL.len()));
    let mut surprises = Vec::new();
    for hook in Hook::ALL {
        let mut row = format!("| `{hook}` |");
        for variant in Variant::ALL {
            let became = boot(options, &bonfire, &image, hook, variant)?;
            let owes_late = variant.is_late() && options.machine.architecture.owes_before_user();
            if !became.is_expected(hook, owes_late) {
                surprises.push(format!("{hook}, {variant}: {became}"));
            }
            row += &format!(" {became} |");
        }
        println!("{row}");
    }
    ensure!(surprises.is_empty(), "not as docs/porting.md says:\n  {}", surprises.join("\n  "));
    Ok(())
}

/// What became of a kernel that forgets a hook.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    /// Every barrier was there; so many mismatches were counted.
    Slow(u64),
    /// These counts were not as owed, or these cases do not conform.
    Wrong(Vec<String>),
    /// Nothing more was heard of it.
    Silent,
}

fn boot(options: &Options, bonfire: &Path, image: &Path, hook: Hook, variant: Variant) -> Result<Became> {
    let mut command = Command::new(bonfire);
    command.args(["boot", "--json", "--cpus", &options.cpus.to_string(), "--design", variant.name()]);
    command
        .args(["--arch", options.machine.architecture.name(), "--forget", hook.name()])
        .arg("--kernel")
        .arg(image);
    if options.more.is_empty() {
        // Whoever waits for ever need not be waited for as long as others.
        let patience = if hook == Hook::HandlePoke { "10" } else { "60" };
        command.args(["--filter", "counted", "--patience", patience]);
    }
    let output = command.args(&options.more).output().context("cannot start what was just built")?;
    Ok(serde_json::from_slice(&output.stdout).map_or(Became::Silent, |report| Became::of(&report)))
}

impl Became {
    fn of(report: &Value) -> Self {
        let counts = boots::list(report, "counted");
        let wrong = counts.iter().filter(|count| !boots::is_owed(count)).map(|count| name(count, "name"));
        let cases = boots::list(report, "cases").iter();
        let not = cases.filter(|case| case["verdict"] == "does not conform").map(|case| name(case, "id"));
        let wrong: Vec<String> = wrong.chain(not).collect();
        if !wrong.is_empty() {
            return Self::Wrong(wrong);
        }
        let mismatches = counts.iter().find(|count| count["name"] == "hooks/mismatches");
        Self::Slow(mismatches.and_then(|count| count["counted"].as_u64()).unwrap_or_default())
    }

    /// Whether the guide says so. The user program compares the mismatches.
    fn is_expected(&self, hook: Hook, owes_late: bool) -> bool {
        match hook {
            Hook::HandlePoke => *self == Self::Silent,
            Hook::BeforeUser if owes_late => matches!(self, Self::Wrong(_)),
            _ => matches!(self, Self::Slow(_)),
        }
    }
}

fn name(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap_or_default().to_owned()
}

impl std::fmt::Display for Became {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slow(mismatches) => write!(f, "{mismatches}"),
            Self::Wrong(what) => write!(f, "missing: {}", what.join(", ")),
            Self::Silent => f.write_str("waits for ever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_count_that_is_off_and_a_false_case_are_missing_barriers() {
        let report = |reached: u64, verdict: &str| {
            json!({
                "counted": [
                    { "name": "hooks/thread/reached", "counted": reached, "least": 100, "most": 100 },
                    { "name": "hooks/mismatches", "counted": 7, "least": 1, "most": 9 },
                ],
                "cases": [{ "id": "a", "verdict": verdict }],
            })
        };
        assert_eq!(Became::of(&report(100, "conforms")), Became::Slow(7));
        assert_eq!(Became::of(&report(99, "conforms")), Became::Wrong(vec!["hooks/thread/reached".into()]));
        assert_eq!(Became::of(&report(100, "does not conform")), Became::Wrong(vec!["a".into()]));
    }
}
