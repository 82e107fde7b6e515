//! A report of `bonfire --json`, as far as guests are judged by it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde_json::Value;

/// How a case ended: its verdict, and where it is not plainly well, why.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ending {
    pub(crate) verdict: String,
    pub(crate) cause: String,
    pub(crate) reason: String,
}

/// Cases by id.
pub(crate) type Endings = BTreeMap<String, Ending>;

/// What was reported.
pub(crate) struct Report {
    /// Where it ran.
    pub(crate) environment: String,
    pub(crate) status: u64,
    pub(crate) took_ms: u64,
    pub(crate) endings: Endings,
}

impl Report {
    /// Reads what `bonfire --json` wrote.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).with_context(|| format!("no report: {text:.200}"))?;
        let environment = &json["environment"];
        let [kernel, architecture, cpus] =
            ["kernel", "architecture", "cpus_allowed"].map(|name| words(&environment[name]));
        let cases = json["cases"].as_array().context("a report without cases")?;
        let ending = |case: &Value| Ending {
            verdict: words(&case["verdict"]),
            cause: words(&case["cause"]),
            reason: words(&case["reason"]),
        };
        Ok(Self {
            environment: format!("{kernel}, {architecture}, CPUs {cpus}"),
            status: json["exit_status"].as_u64().unwrap_or(2),
            took_ms: json["measured"]["duration_ms"].as_u64().unwrap_or_default(),
            endings: cases.iter().map(|case| (words(&case["id"]), ending(case))).collect(),
        })
    }

    /// How many cases got this verdict.
    pub(crate) fn count(&self, verdict: &str) -> usize {
        self.endings.values().filter(|ending| ending.verdict == verdict).count()
    }

    /// The cases that say that the kernel does not conform.
    pub(crate) fn violations(&self) -> Vec<&str> {
        let wrong = self.endings.iter().filter(|(_, ending)| ending.verdict == "does not conform");
        wrong.map(|(case, _)| case.as_str()).collect()
    }

    /// For each reason that is not a plain pass, how many cases have it.
    fn reasons(&self) -> BTreeMap<(&str, &str), usize> {
        let mut reasons = BTreeMap::new();
        for ending in self.endings.values().filter(|ending| ending.verdict != "conforms") {
            *reasons.entry((ending.verdict.as_str(), ending.reason.as_str())).or_default() += 1;
        }
        reasons
    }
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} cases, exit status {}", self.environment, self.endings.len(), self.status)?;
        writeln!(f, "{:4} conform", self.count("conforms"))?;
        for ((verdict, reason), count) in self.reasons() {
            writeln!(f, "{count:4} {verdict}: {reason}")?;
        }
        self.violations().iter().try_for_each(|case| writeln!(f, "     does not conform: {case}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_counted() {
        let text = r#"{"environment": {"kernel": "Linux 6.1 #1", "architecture": "s390x", "cpus_allowed": "0-1"},
            "exit_status": 1, "measured": {"duration_ms": 12}, "cases": [
            {"id": "a", "verdict": "conforms", "cause": null, "reason": null},
            {"id": "b", "verdict": "does not conform", "cause": "hung", "reason": "why"}]}"#;
        let report = Report::read(text).unwrap();
        assert_eq!((report.count("conforms"), report.status, report.took_ms), (1, 1, 12));
        assert_eq!(report.violations(), ["b"]);
        assert!(report.to_string().contains("1 does not conform: why"), "{report}");
        assert!(Report::read("{}").is_err());
    }
}
