//! All runs of one guest as one row.

use anyhow::Result;

use super::host::Host;
use crate::guest::report::Report;

/// The cells of a row that begins with `name`.
pub(super) fn of(name: Vec<String>, reports: &[Result<Report>], host: &Host) -> Vec<String> {
    let told: Vec<&Report> = reports.iter().filter_map(|report| report.as_ref().ok()).collect();
    let counted = |verdict| range(told.iter().map(|report| report.count(verdict)));
    let counts = ["conforms", "does not conform", "cannot tell", "not observable here"].map(counted);
    let longest_ms = told.iter().map(|report| report.took_ms).max().unwrap_or_default();
    let seconds = format!("{}.{}", longest_ms / 1000, longest_ms % 1000 / 100);
    let cells = name.into_iter().chain([reports.len().to_string()]).chain(counts);
    cells.chain([ends(reports), seconds, host.load.clone(), host.date.clone()]).collect()
}

/// One number if all are the same.
fn range(numbers: impl Iterator<Item = usize>) -> String {
    let (least, most) =
        numbers.fold((usize::MAX, 0), |(least, most), number| (least.min(number), most.max(number)));
    match least {
        usize::MAX => String::new(),
        least if least == most => most.to_string(),
        least => format!("{least} to {most}"),
    }
}

/// How the runs ended, and how many so where that is not all.
fn ends(reports: &[Result<Report>]) -> String {
    let end = |report: &Result<Report>| {
        report.as_ref().map_or_else(|_| "no report".to_owned(), |report| report.status.to_string())
    };
    let mut ends: Vec<String> = reports.iter().map(end).collect();
    ends.sort_unstable();
    let groups: Vec<&[String]> = ends.chunk_by(|one, other| one == other).collect();
    let all = groups.len() == 1;
    let said = |group: &&[String]| {
        if all { group[0].clone() } else { format!("{} ({} runs)", group[0], group.len()) }
    };
    groups.iter().map(said).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_are_one_row() {
        let report = |status, verdict: &str| {
            let text = format!(
                r#"{{"exit_status": {status}, "measured": {{"duration_ms": 1{status}50}}, "environment": {{}},
                "cases": [{{"id": "a", "verdict": "{verdict}"}}]}}"#
            );
            Report::read(&text)
        };
        let host = Host {
            processor: String::new(),
            emulator: String::new(),
            load: "3.2".into(),
            date: "today".into(),
        };
        let row = |reports: &[_]| of(vec!["x".into()], reports, &host).join("|");
        let same = [report(0, "conforms"), report(0, "conforms")];
        assert_eq!(row(&same), "x|2|1|0|0|0|0|1.0|3.2|today");
        let mixed = [report(0, "conforms"), report(2, "cannot tell"), Err(anyhow::anyhow!("died"))];
        let ends = "0 (1 runs), 2 (1 runs), no report (1 runs)";
        assert_eq!(row(&mixed), format!("x|3|0 to 1|0|0 to 1|0|{ends}|1.2|3.2|today"));
    }
}
