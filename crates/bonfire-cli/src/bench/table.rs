//! The costs as a table for people.

use std::fmt::Write;

use anstyle::Style;

use super::Bench;
use super::sample::{Cost, human};

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Group by group, in the order in which they were measured.
pub(super) fn table(bench: &Bench) -> String {
    let mut text =
        format!("{TITLE}bonfire bench{TITLE:#}  {}\n{}\n", bench.environment.kernel, bench.place());
    let width = bench.costs.iter().map(|cost| cost.name.chars().count()).max().unwrap_or(0);
    for group in groups(&bench.costs) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{TITLE}{}{TITLE:#}", title(&group[0]));
        for cost in group {
            let [median, low, high] = [cost.median_ns, cost.p10_ns, cost.p90_ns].map(human);
            let (style, few) = if cost.is_faint() { (DIM, few(cost)) } else { (Style::new(), String::new()) };
            let row = format!("{:width$}  {median:>9}  {:>9}", cost.name, cost.claim());
            let spread = format!("{low:>9} … {high:<9}  {:>9}{few}", human(cost.noise_ns));
            let _ = writeln!(text, "  {style}{row}{style:#}  {DIM}{}{DIM:#}", spread.trim_end());
        }
    }
    let _ = writeln!(
        text,
        "\n{DIM}Medians of rounds, each in an order of its own; what they cost more than the first of their group, \
         where that is more than noise; the tenth and ninetieth percentile; and the noise: what two medians of \
         the same thing would be apart.{DIM:#}"
    );
    for missing in &bench.not_measured {
        let _ = writeln!(text, "not measured: {missing}");
    }
    text
}

/// The costs that were measured together.
fn groups(costs: &[Cost]) -> impl Iterator<Item = &[Cost]> {
    costs.chunk_by(|one, other| (one.group, one.threads) == (other.group, other.threads))
}

fn few(cost: &Cost) -> String {
    format!("  {} sample{} only", cost.samples, if cost.samples == 1 { "" } else { "s" })
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
