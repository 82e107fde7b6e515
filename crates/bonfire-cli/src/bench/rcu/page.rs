//! The figures as one page that needs nothing but itself.

use std::fmt::Write;

use super::super::page::whole;
use super::super::plot::{Row, bars, points};
use super::super::sample::Cost;
use super::{Figure, Report, kinds, short, situation};
use crate::output::escape;

/// A plot for each question, then every number.
pub(super) fn page(report: &Report) -> String {
    let load = report.load.iter().map(|load| load.map_or("?".into(), |load| format!("{load:.1}")));
    let load: Vec<String> = load.collect();
    let mut body = format!(
        "<h1>What readers and updaters cost on this machine</h1><p class=\"where\">{} · load {} after</p>",
        escape(&report.processor),
        load.join(" before, ")
    );
    // Writing to a string cannot fail.
    for missing in &report.not_measured {
        let _ = write!(body, "<p class=\"where\">Not measured: {}</p>", escape(missing));
    }
    for (title, says) in PLOTS {
        body += &plot(report, title, says);
    }
    whole("bonfire bench --rcu", &(body + &numbers(report)))
}

/// What is drawn, and what it shows.
const PLOTS: [(&str, &str); 4] = [
    ("read section, ns", "One reader that nobody disturbs: it enters, reads through a pointer, and leaves."),
    (
        "an update, µs",
        "Replacing the value, with readers beside; liburcu waits for them in it, others later.",
    ),
    ("first use beside 32 threads, µs", "Construct, read, retire, once in a fresh process."),
    ("synchronize beside a reader, µs", "Waiting until nobody reads what was there."),
];

fn plot(report: &Report, title: &str, says: &str) -> String {
    let Some((_, figures)) = kinds(report).into_iter().find(|(kind, _)| kind == title) else {
        return String::new();
    };
    let costs: Vec<Cost> = figures.iter().map(|figure| cost(figure)).collect();
    let name = |figure: &Figure| match figure.updates.as_str() {
        "none" => figure.name.clone(),
        _ => format!("{}, {}", figure.name, situation(figure)),
    };
    let rows = figures.iter().zip(&costs).map(|(figure, cost)| Row {
        name: name(figure),
        cost,
        stands_out: figure.name.starts_with("bonfire-rcu"),
    });
    let rows: Vec<Row> = rows.collect();
    let drawn = if title.starts_with("synchronize") { bars(&rows) } else { points(&rows) };
    format!("<section><h2>{title}</h2><p>{says}</p>{drawn}</section>")
}

/// A figure of time as a cost.
fn cost(figure: &Figure) -> Cost {
    let ns = if figure.unit == "µs" { 1000.0 } else { 1.0 };
    Cost {
        group: "rcu",
        name: figure.name.clone(),
        threads: None,
        median_ns: figure.median * ns,
        p10_ns: figure.p10 * ns,
        p90_ns: figure.p90 * ns,
        samples: figure.samples,
        noise_ns: 0.0,
        difference_ns: None,
    }
}

fn numbers(report: &Report) -> String {
    let mut rows = String::new();
    for (title, figures) in kinds(report) {
        for figure in figures {
            let [median, low, high] = [figure.median, figure.p10, figure.p90].map(short);
            let _ = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{median}</td><td>{low} … {high}</td><td>{}</td></tr>",
                escape(&title),
                escape(&figure.name),
                situation(figure),
                figure.samples
            );
        }
    }
    format!(
        "<section><h2>Every number</h2><div class=\"wide\"><table><thead><tr><th>what</th><th>scheme</th>\
         <th>beside</th><th>median</th><th>range</th><th>samples</th></tr></thead><tbody>{rows}</tbody></table>\
         </div></section>"
    )
}
