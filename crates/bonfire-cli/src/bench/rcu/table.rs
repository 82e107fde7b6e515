//! The figures as tables for people: a row for each scheme, a column for each situation.

use std::fmt::Write;

use anstyle::Style;

use super::{Figure, Report, kinds, short, situation};

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub(super) fn table(report: &Report) -> String {
    let load: Vec<String> =
        report.load.iter().map(|load| load.map_or("?".into(), |load| format!("{load:.1}"))).collect();
    let mut text = format!(
        "{TITLE}bonfire bench --rcu{TITLE:#}  {} · load {}\n",
        report.processor,
        load.join(" before, ") + " after"
    );
    // Writing to a string cannot fail.
    for (title, figures) in kinds(report) {
        let _ = write!(text, "\n{TITLE}{title}{TITLE:#}\n{}", rows(&figures));
    }
    let _ = writeln!(
        text,
        "\n{DIM}Medians of rounds in which all of a table took turns. Where there is one column, behind it what \
         each is to the first row. The interrupts are those of the whole machine.{DIM:#}"
    );
    for missing in &report.not_measured {
        let _ = writeln!(text, "not measured: {missing}");
    }
    text
}

fn rows(figures: &[&Figure]) -> String {
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for figure in figures {
        if !names.contains(&figure.name) {
            names.push(figure.name.clone());
        }
        let column = situation(figure);
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = format!("  {DIM}{:width$}", "");
    columns.iter().for_each(|column| _ = write!(text, "  {:>20}", column));
    let _ = writeln!(text, "{DIM:#}");
    for name in &names {
        let _ = write!(text, "  {name:width$}");
        for column in &columns {
            let found = figures.iter().find(|figure| figure.name == *name && situation(figure) == *column);
            let value = found.map_or("–".into(), |figure| short(figure.median));
            let _ = write!(text, "  {value:>20}");
            if let (Some(figure), [_]) = (found, columns.as_slice()) {
                let _ = write!(text, "  {DIM}{:>8.2}{DIM:#}", figure.median / figures[0].median);
            }
        }
        text.push('\n');
    }
    text
}
