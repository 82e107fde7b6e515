//! The page of guests: a row for each, in the place of an older one of the same guest.

use std::fmt::Display;
use std::fs;

use anyhow::{Context, Result};

use crate::guest::report::Report;
use crate::repository;

const PAGE: &str = "docs/guests.md";
const BEGIN: &str = "<!-- begin: written by `cargo xtask guests` -->\n";
const END: &str = "<!-- end -->\n";
/// Before it, what the emulator ran on.
const HEAD: &str = "| architecture | kernel | CPUs | threads | words | runs | conform | do not | cannot tell | \
                    not observable | exit status | seconds | load | date |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

/// What names a guest: the first columns of its row.
pub(super) struct Name<'a>(pub(super) [&'a dyn Display; 5]);

/// Where the emulator ran.
pub(super) struct Host {
    pub(super) processor: String,
    pub(super) emulator: String,
    /// How many were ready to run on average in the last minute.
    pub(super) load: String,
    pub(super) date: String,
}

/// Puts what came of the runs of a guest into the page.
pub(super) fn keep(name: &Name<'_>, reports: &[Result<Report>], host: &Host) -> Result<()> {
    let row = row(name, reports, host);
    print!("{row}");
    let path = repository::root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("no {PAGE}"))?;
    let line = format!("On {}, {}.\n", host.processor, host.emulator);
    fs::write(&path, with(&page, &line, &row)?).with_context(|| format!("cannot write {PAGE}"))
}

fn row(Name(name): &Name<'_>, reports: &[Result<Report>], host: &Host) -> String {
    let told: Vec<&Report> = reports.iter().filter_map(|report| report.as_ref().ok()).collect();
    let counted = |verdict| range(told.iter().map(|report| report.count(verdict)));
    let counts = ["conforms", "does not conform", "cannot tell", "not observable here"].map(counted);
    let longest_ms = told.iter().map(|report| report.took_ms).max().unwrap_or_default();
    let seconds = format!("{}.{}", longest_ms / 1000, longest_ms % 1000 / 100);
    let cells = name.map(|cell| cell.to_string()).into_iter().chain([reports.len().to_string()]);
    let cells = cells.chain(counts).chain([ends(reports), seconds, host.load.clone(), host.date.clone()]);
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
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
    let mut ends = reports
        .iter()
        .map(|report| match report {
            Ok(report) => report.status.to_string(),
            Err(_) => "no report".to_owned(),
        })
        .collect::<Vec<_>>();
    ends.sort_unstable();
    let groups: Vec<&[String]> = ends.chunk_by(|one, other| one == other).collect();
    let all = groups.len() == 1;
    let said = |group: &&[String]| {
        if all { group[0].clone() } else { format!("{} ({} runs)", group[0], group.len()) }
    };
    groups.iter().map(said).collect::<Vec<_>>().join(", ")
}

/// The page with this row, and with this line above all rows.
fn with(page: &str, line: &str, row: &str) -> Result<String> {
    let marks = || format!("{PAGE} has lost its marks");
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (table, after) = rest.split_once(END).with_context(marks)?;
    let is_kept = |old: &&str| old.starts_with("| ") && !HEAD.starts_with(*old) && key(old) != key(row);
    let mut rows: Vec<&str> = table.split_inclusive('\n').filter(is_kept).collect();
    rows.push(row);
    rows.sort_unstable();
    Ok(format!("{before}{BEGIN}{line}\n{HEAD}{}{END}{after}", rows.concat()))
}

/// What names the guest: the first five columns.
fn key(row: &str) -> Vec<&str> {
    row.split('|').take(6).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_the_place_of_an_older_one_of_the_same_guest() {
        let page = |rows: &str| format!("before\n{BEGIN}On x.\n\n{HEAD}{rows}{END}after\n");
        let put = |page: &str, row| with(page, "On x.\n", row).unwrap();
        let first = put(&page(""), "| x | 6.1 | 2 | multi |  | 1 |\n");
        assert_eq!(first, page("| x | 6.1 | 2 | multi |  | 1 |\n"));
        let second = put(&first, "| x | 6.1 | 2 | multi | | 2 |\n");
        assert_eq!(second, page("| x | 6.1 | 2 | multi | | 2 |\n"));
        let both = put(&second, "| a | 6.1 | 2 | multi | | 3 |\n");
        assert_eq!(both, page("| a | 6.1 | 2 | multi | | 3 |\n| x | 6.1 | 2 | multi | | 2 |\n"));
        assert!(with("no marks", "", "").is_err());
    }

    #[test]
    fn the_page_has_its_marks() {
        let page = fs::read_to_string(repository::root().join(PAGE)).unwrap();
        assert!(with(&page, "", "| x |\n").is_ok());
    }

    #[test]
    fn many_runs_are_one_row() {
        let report = |status, verdict: &str| {
            let text = format!(
                r#"{{"exit_status": {status}, "measured": {{"duration_ms": 1{status}50}}, "environment": {{}},
                "cases": [{{"id": "a", "verdict": "{verdict}"}}]}}"#
            );
            Report::read(&text)
        };
        let host = || Host {
            processor: String::new(),
            emulator: String::new(),
            load: "3.2".into(),
            date: "today".into(),
        };
        let name = || Name([&"x", &"6.1", &2, &"multi", &""]);
        let same = row(&name(), &[report(0, "conforms"), report(0, "conforms")], &host());
        assert_eq!(same, "| x | 6.1 | 2 | multi |  | 2 | 1 | 0 | 0 | 0 | 0 | 1.0 | 3.2 | today |\n");
        let mixed = [report(0, "conforms"), report(2, "cannot tell"), Err(anyhow::anyhow!("died"))];
        let mixed = row(&name(), &mixed, &host());
        assert!(
            mixed.contains(
                "| 3 | 0 to 1 | 0 | 0 to 1 | 0 | 0 (1 runs), 2 (1 runs), no report (1 runs) | 1.2 |"
            ),
            "{mixed}"
        );
    }
}
