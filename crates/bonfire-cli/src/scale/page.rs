//! One page with everything: it needs nothing but itself, no colours, and no
//! wide screen.

use std::fmt::Write;

use anyhow::Result;
use bonfire_scale::{Design, Outcome, Workload};

use super::answers;
use super::growth::{Growth, growths};
use super::json::{Ran, Results};
use super::plan::Part;
use super::plot::{Axes, Series, key, lines};
use super::table::{self, COLUMNS, GROWTH, count, human, tables};
use crate::output::escape;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:68rem;margin:0 auto;padding:0 1rem;color:#111;background:#fff}\
h1,h2{line-height:1.2}dt{font-weight:600;margin-top:.8rem}dd{margin:0}\
.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 20rem;max-width:30rem}\
figure svg{width:100%;height:auto}figcaption{font-weight:600}\
.key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0}.key svg{width:1rem;height:1rem;vertical-align:-.15rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;white-space:nowrap}\
th,td{padding:.15rem .6rem;text-align:right;border-bottom:1px solid #ccc}th:first-child,td:first-child{text-align:left}\
.ours td:first-child{font-weight:700}";

/// The page.
pub(super) fn page(results: &Results) -> Result<String> {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>bonfire scale</title><style>{STYLE}</style></head><body><h1>What barriers cost on large machines</h1>\
         <p>Bonfire's engine, unchanged, on machines with virtual time, beside Linux's designs. All times are \
         virtual: they are as good as the costs in the machine files, and ratios are what to look at.{}</p>",
        if results.runs.iter().any(|run| run.outcome.extrapolated) {
            " Machines of more CPUs than anybody measured are <strong>extrapolated</strong>."
        } else {
            ""
        }
    );
    html.push_str(&questions(results));
    html.push_str("<h2>How costs grow</h2>");
    html.push_str(&keys()?);
    html.push_str(&plots(results)?);
    html.push_str(&growth(results));
    html.push_str(&switches(results));
    html.push_str("<h2>All designs</h2>");
    for table in tables(results) {
        html.push_str(&as_table(results, &table));
    }
    html.push_str("</body></html>\n");
    Ok(html)
}

fn questions(results: &Results) -> String {
    let answers = answers::answers(results);
    if answers.is_empty() {
        return String::new();
    }
    let mut html = String::from("<h2>The questions of the thread, and of what Linux did since</h2><dl>");
    for answer in answers {
        let _ = write!(html, "<dt>{}</dt><dd>{}</dd>", escape(answer.question), escape(&answer.answer));
    }
    html + "</dl>"
}

/// The exponents: a row for each workload, a column for each design.
fn growth(results: &Results) -> String {
    let growths = growths(results);
    let mut workloads = growths.iter().map(|growth| &growth.workload).collect::<Vec<_>>();
    workloads.dedup();
    let designs =
        Design::ALL.into_iter().filter(|&design| growths.iter().any(|growth| growth.design == design));
    let designs = designs.collect::<Vec<_>>();
    let heads = designs.iter().map(|design| design.name()).collect::<Vec<_>>();
    let rows = workloads.into_iter().map(|workload| {
        let of = |design: &Design| {
            let ours = growths.iter().find(|growth| growth.workload == *workload && growth.design == *design);
            ours.map_or_else(|| "-".to_owned(), Growth::exponent)
        };
        (workload.clone(), designs.iter().map(of).collect())
    });
    plain_table(GROWTH, "workload", &heads, rows.collect())
}

/// What a switch pays: a row for each design.
fn switches(results: &Results) -> String {
    let rows = table::switches(results)
        .into_iter()
        .map(|(design, pays)| (design.name().to_owned(), pays.map(table::or_dash).to_vec()));
    plain_table(table::SWITCHES, "design", &["registered", "other"], rows.collect())
}

fn plain_table(title: &str, first: &str, heads: &[&str], rows: Vec<(String, Vec<String>)>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut html = format!("<h3>{}</h3><div class=\"wide\"><table><tr><th>{first}</th>", escape(title));
    heads.iter().for_each(|head| html.push_str(&format!("<th>{}</th>", escape(head))));
    html.push_str("</tr>");
    for (name, cells) in rows {
        let _ = write!(html, "<tr><td>{}</td>", escape(&name));
        cells.iter().for_each(|cell| html.push_str(&format!("<td>{}</td>", escape(cell))));
        html.push_str("</tr>");
    }
    html + "</table></div>"
}

/// Which mark is which design.
fn keys() -> Result<String> {
    let mut html = String::from("<ul class=\"key\">");
    for (place, design) in Design::ALL.into_iter().enumerate() {
        let _ = write!(html, "<li>{} {}: {}</li>", key(place)?, design.name(), escape(design.says()));
    }
    Ok(html + "</ul>")
}

type Value = fn(&Outcome) -> Option<f64>;

fn median(outcome: &Outcome) -> Option<f64> {
    Some(outcome.latency_ns?.median)
}

fn p99(outcome: &Outcome) -> Option<f64> {
    Some(outcome.latency_ns?.p99)
}

fn p999(outcome: &Outcome) -> Option<f64> {
    Some(outcome.latency_ns?.p999)
}

fn rate(outcome: &Outcome) -> Option<f64> {
    Some(outcome.calls_per_second)
}

/// In percent.
fn loss(outcome: &Outcome) -> Option<f64> {
    Some(100.0 * outcome.bystander_loss?)
}

fn plots(results: &Results) -> Result<String> {
    let time = |x, y| Axes { x, y, number: human };
    let number = |x, y| Axes { x, y, number: count };
    let cpus: Value = |outcome| Some(outcome.cpus as f64);
    let threads: Value = |outcome| Some((outcome.threads - (outcome.cpus - 8)) as f64);
    let callers: Value = |outcome| Some(outcome.callers as f64);
    let all: [(&str, Part, &str, Axes, Value, Value); 12] = [
        (
            "One caller, its process on every CPU: the median call",
            Part::Cpus,
            "one-caller",
            time("CPUs", "call"),
            cpus,
            median,
        ),
        (
            "One caller, one other thread: the median call",
            Part::Cpus,
            "two-threads",
            time("CPUs", "call"),
            cpus,
            median,
        ),
        (
            "Every CPU calls, one process: the median call",
            Part::Cpus,
            "hammer-all",
            time("CPUs", "call"),
            cpus,
            median,
        ),
        (
            "… one call in a hundred is slower than this",
            Part::Cpus,
            "hammer-all",
            time("CPUs", "call"),
            cpus,
            p99,
        ),
        ("… one in a thousand", Part::Cpus, "hammer-all", time("CPUs", "call"), cpus, p999),
        ("… calls a second", Part::Cpus, "hammer-all", number("CPUs", "calls a second"), cpus, rate),
        (
            "… lines moved for each call",
            Part::Cpus,
            "hammer-all",
            number("CPUs", "lines a call"),
            cpus,
            |outcome| Some(outcome.lines_per_call),
        ),
        (
            "… interrupts for each call",
            Part::Cpus,
            "hammer-all",
            number("CPUs", "interrupts a call"),
            cpus,
            |outcome| Some(outcome.interrupts_per_call),
        ),
        (
            "Every CPU calls, a process each: the median call",
            Part::Cpus,
            "hammer-processes",
            time("CPUs", "call"),
            cpus,
            median,
        ),
        (
            "A process with sleeping threads: the median call",
            Part::Threads,
            "sleepers",
            time("threads", "call"),
            threads,
            median,
        ),
        (
            "What bystanders lose, in percent",
            Part::Attackers,
            "hammer-threads",
            number("callers", "percent lost"),
            callers,
            loss,
        ),
        (
            "Callers beside bystanders: calls a second",
            Part::Attackers,
            "hammer-threads",
            number("callers", "calls a second"),
            callers,
            rate,
        ),
    ];
    let mut html = String::from("<div class=\"plots\">");
    for (title, part, workload, axes, x, y) in all {
        let svg = lines(&axes, &series(results, part, workload, x, y))?;
        if !svg.is_empty() {
            let _ = write!(html, "<figure><figcaption>{title}</figcaption>{}</figure>", svg);
        }
    }
    Ok(html + "</div>")
}

/// For each design, its points: those of the part, and that of the comparison.
fn series(results: &Results, part: Part, workload: &str, x: Value, y: Value) -> Vec<Series> {
    let of = |design: Design| {
        let ours = |run: &&Ran| {
            let whole = run.part == Part::Designs && part != Part::Threads;
            (run.part == part || whole) && run.outcome.workload == workload && run.outcome.design == design
        };
        let outcomes = results.runs.iter().filter(ours).map(|run| &run.outcome);
        let mut points = outcomes.filter_map(|outcome| Some((x(outcome)?, y(outcome)?))).collect::<Vec<_>>();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Series { place: design as usize, points }
    };
    Design::ALL.map(of).into_iter().filter(|series| series.points.len() > 1).collect()
}

fn as_table(results: &Results, (machine, cpus, workload): &(String, usize, String)) -> String {
    let says = Workload::named(workload).map(|workload| workload.says).unwrap_or_default();
    let mut html = format!(
        "<h3>{} on {}, {cpus} CPUs</h3><p>{}</p><div class=\"wide\"><table><tr><th>design</th>",
        escape(workload),
        escape(machine),
        escape(&says)
    );
    for (name, _) in COLUMNS {
        let _ = write!(html, "<th>{name}</th>");
    }
    html.push_str("</tr>");
    for run in results.runs.iter().filter(|run| run.part == Part::Designs) {
        let outcome = &run.outcome;
        if (&outcome.machine, outcome.cpus, &outcome.workload) != (machine, *cpus, workload) {
            continue;
        }
        let class = if outcome.design.is_engine() { " class=\"ours\"" } else { "" };
        let _ = write!(html, "<tr{class}><td>{}</td>", outcome.design.name());
        for (_, cell) in COLUMNS {
            let _ = write!(html, "<td>{}</td>", cell(outcome));
        }
        html.push_str("</tr>");
    }
    html + "</table></div>"
}
