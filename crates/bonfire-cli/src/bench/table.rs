//! The costs as a table for people.

use std::fmt::Write;

use anstyle::Style;

use super::Bench;
use super::sample::{Cost, human};

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Group by group, in the order in which they were measured.
pub(super) fn table(bench: &Bench) -> String {
    let mut text = format!(
        "{TITLE}bonfire bench{TITLE:#}  {} · {} CPUs online\n",
        bench.environment.kernel,
        bench.environment.cpus_online.as_deref().unwrap_or("?"),
    );
    let width = bench.costs.iter().map(|cost| cost.name.chars().count()).max().unwrap_or(0);
    for group in bench.costs.chunk_by(|one, other| (one.group, one.threads) == (other.group, other.threads)) {
        let title = title(&group[0]);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{TITLE}{title}{TITLE:#}");
        for cost in group {
            let [median, low, high] = [cost.median_ns, cost.p10_ns, cost.p90_ns].map(human);
            let _ = writeln!(text, "  {:width$}  {median:>9}  {DIM}{low:>9} … {high}{DIM:#}", cost.name);
        }
    }
    let _ = writeln!(
        text,
        "\n{DIM}Medians of interleaved rounds, with the tenth and ninetieth percentile.{DIM:#}"
    );
    for missing in &bench.not_measured {
        let _ = writeln!(text, "not measured: {missing}");
    }
    text
}

/// The group, with its number of threads where that is the question.
pub(super) fn title(cost: &Cost) -> String {
    match (cost.group, cost.threads) {
        (group, None) => group.into(),
        ("alone" | "one other running", Some(_)) => format!("heavy, {}", cost.group),
        (group, Some(threads)) => {
            let heavy = if group == "fallback" { "" } else { "heavy, " };
            format!("{heavy}{group}, {threads} other thread{}", if threads == 1 { "" } else { "s" })
        }
    }
}
