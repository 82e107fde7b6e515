//! `cargo xtask boots`: boots the testbed again and again, and adds up.
//!
//! The engine is right, so whatever a boot finds wrong is a fault of the
//! testbed, the suite or the emulator: a machine that hangs or panics, a false
//! verdict, a count that is not what was owed. One in a hundred is one too many.
//! A case that cannot tell is none of these; it says that the host had no two
//! idle CPUs at the time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{repository, testbed};

/// How often, and what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The CPUs of the machine
    #[arg(long, default_value_t = 4)]
    cpus: u32,
    #[command(flatten)]
    machine: testbed::Machine,
    /// How many boots, one after the other
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The seed of the first boot; each that follows has the next
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// More for `bonfire boot`, such as `-- --design mask`
    #[arg(last = true, value_name = "OPTIONS")]
    more: Vec<String>,
}

/// What the boots came to.
#[derive(Default)]
struct Sum {
    /// Boots that found something wrong, or failed.
    wrong: u64,
    /// The cases that could not tell, and in how many boots.
    untold: BTreeMap<String, u64>,
    /// How long the cases took, in milliseconds.
    took_ms: Vec<u64>,
}

/// Boots, prints a line for each, and fails if one was wrong.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (_, image) = testbed::build(options.machine.architecture)?;
    let bonfire = command()?;
    let mut sum = Sum::default();
    for (run, seed) in (1..=options.runs).zip(options.seed..) {
        let boot = boot(options, &bonfire, &image, seed)?;
        println!("boot {run} of {}, seed {seed}: {}", options.runs, sum.add(&boot));
    }
    print!("{sum}");
    ensure!(sum.wrong == 0, "{} of {} boots found something wrong, or failed", sum.wrong, options.runs);
    Ok(())
}

/// The command, as users build it.
pub(crate) fn command() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    repository::run(cargo.args(["build", "--quiet", "--release", "--package", "bonfire-cli"]))?;
    Ok(repository::target_directory()?.join("release/bonfire"))
}

/// What a boot reported, or the last words of a machine that failed.
enum Boot {
    Reported(Value),
    Failed(String),
}

fn boot(options: &Options, bonfire: &Path, image: &Path, seed: u64) -> Result<Boot> {
    let mut command = Command::new(bonfire);
    command.args(["boot", "--json", "--cpus", &options.cpus.to_string(), "--seed", &seed.to_string()]);
    command.args(["--arch", options.machine.architecture.name()]);
    command.arg("--kernel").arg(image).args(&options.more);
    let output = command.output().context("cannot start what was just built")?;
    let report = serde_json::from_slice(&output.stdout);
    Ok(report.map_or_else(|_| Boot::Failed(String::from_utf8_lossy(&output.stderr).into()), Boot::Reported))
}

impl Sum {
    /// Adds a boot, and says in a line what it came to.
    fn add(&mut self, boot: &Boot) -> String {
        let report = match boot {
            Boot::Reported(report) => report,
            Boot::Failed(words) => {
                self.wrong += 1;
                return format!("failed: {words}");
            }
        };
        let [conform, wrong, untold, hidden] =
            ["conforms", "does not conform", "cannot tell", "not observable here"]
                .map(|verdict| ids(report, verdict));
        let counts = list(report, "counted");
        let owed = counts.iter().filter(|count| is_owed(count)).count();
        let took_ms = report["measured"]["duration_ms"].as_u64().unwrap_or_default();
        self.wrong += u64::from(!wrong.is_empty() || owed != counts.len());
        self.took_ms.push(took_ms);
        let line = format!(
            "{} conform, {} do not{}, {} cannot tell, {} not observable; {owed} of {} counts as owed; {}",
            conform.len(),
            wrong.len(),
            wrong.iter().map(|id| format!(" ({id})")).collect::<String>(),
            untold.len(),
            hidden.len(),
            counts.len(),
            seconds(took_ms),
        );
        untold.into_iter().for_each(|case| *self.untold.entry(case).or_default() += 1);
        line
    }
}

/// The cases that got this verdict.
fn ids(report: &Value, verdict: &str) -> Vec<String> {
    let cases = list(report, "cases").iter().filter(|case| case["verdict"] == verdict);
    cases.map(|case| case["id"].as_str().unwrap_or_default().to_owned()).collect()
}

pub(crate) fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn is_owed(count: &Value) -> bool {
    let number = |name: &str| count[name].as_u64();
    (number("least")..=number("most")).contains(&number("counted"))
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut took_ms = self.took_ms.clone();
        took_ms.sort_unstable();
        if let (Some(&first), Some(&last)) = (took_ms.first(), took_ms.last()) {
            let median = took_ms[took_ms.len() / 2];
            writeln!(
                f,
                "cases: {} at the least, {} in the median, {} at the most",
                seconds(first),
                seconds(median),
                seconds(last)
            )?;
        }
        self.untold.iter().try_for_each(|(case, boots)| writeln!(f, "could not be told in {boots}: {case}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(verdict: &str, counted: u64) -> Boot {
        Boot::Reported(json!({
            "cases": [{ "id": "a", "verdict": verdict }],
            "counted": [{ "counted": counted, "least": 1, "most": 2 }],
            "measured": { "duration_ms": 1200 },
        }))
    }

    #[test]
    fn a_false_verdict_a_count_that_is_off_and_a_machine_that_fails_are_wrong() {
        let wrong = |boot| {
            let mut sum = Sum::default();
            sum.add(&boot);
            sum.wrong
        };
        assert_eq!(wrong(report("conforms", 2)), 0);
        assert_eq!(wrong(report("cannot tell", 1)), 0);
        assert_eq!(wrong(report("does not conform", 1)), 1);
        assert_eq!(wrong(report("conforms", 3)), 1);
        assert_eq!(wrong(Boot::Failed("said nothing".into())), 1);
    }

    #[test]
    fn what_cannot_tell_is_counted_by_case() {
        let mut sum = Sum::default();
        let line = sum.add(&report("cannot tell", 1));
        sum.add(&report("cannot tell", 1));
        assert!(line.starts_with("0 conform, 0 do not, 1 cannot tell"), "{line}");
        assert!(sum.to_string().ends_with("could not be told in 2: a\n"), "{sum}");
    }
}
