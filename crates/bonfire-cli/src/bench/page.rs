//! The costs as one page that needs nothing but itself.

use std::fmt::Write;

use super::Bench;
use super::plot::{Bar, Line, bars, escape, lines};
use super::sample::{Cost, human};
use super::table::title;

/// A plot for each question, then every number.
pub(super) fn page(bench: &Bench) -> String {
    let where_run = format!(
        "{} · {} · CPUs {} · {}",
        bench.environment.kernel,
        bench.environment.architecture,
        bench.environment.cpus_online.as_deref().unwrap_or("?"),
        bench.environment.virtualised.as_deref().unwrap_or("no sign of virtualisation"),
    );
    let not_measured: String = bench
        .not_measured
        .iter()
        .map(|missing| format!("<p class=\"where\">Not measured: {}</p>", escape(missing)))
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>bonfire bench</title><style>{STYLE}</style></head><body><main>\
         <h1>What fences cost on this machine</h1><p class=\"where\">{}</p>{not_measured}{}{}\
         <p class=\"where\">bonfire {}. Medians of interleaved rounds; whiskers and ranges are the tenth and \
         ninetieth percentile. All scales are logarithmic.</p></main></body></html>\n",
        escape(&where_run),
        sections(bench),
        numbers(bench),
        bench.bonfire,
    )
}

fn sections(bench: &Bench) -> String {
    let of =
        |wanted: &[&str]| bench.costs.iter().filter(|cost| wanted.contains(&cost.group)).collect::<Vec<_>>();
    let titled = |costs: Vec<&Cost>| {
        let name = |cost: &Cost| format!("{}, {}", cost.name, title(cost).trim_start_matches("heavy, "));
        costs.into_iter().map(|cost| bar(cost, name(cost))).collect::<Vec<_>>()
    };
    let plain =
        |costs: Vec<&Cost>| costs.into_iter().map(|cost| bar(cost, cost.name.clone())).collect::<Vec<_>>();
    let running: Vec<&Cost> = of(&["alone", "one other running"])
        .into_iter()
        .filter(|cost| cost.name != "process::heavy")
        .collect();
    let parts = [
        (
            "The reader",
            "A section is: store, fence, load, store. The light fence is no instruction.",
            bars(&plain(of(&["reader section"]))),
        ),
        (
            "The heavy fence",
            "Alone it is a system call. A thread that runs on another CPU has to be interrupted.",
            bars(&titled(running)),
        ),
        (
            "With many threads asleep",
            "The kernel looks at CPUs, not at threads; a signal goes to every thread.",
            lines(&by_threads(bench), "other threads, all asleep"),
        ),
        (
            "Who is fenced",
            "What a running thread loses for each heavy fence of another.",
            bars(&plain(of(&["stall of a fenced thread"]))),
        ),
        (
            "Registration",
            "Once in a process. With several threads the kernel waits for a grace period for each flavour; in the \
             background nobody waits for it.",
            bars(&plain(of(&["registration"]))),
        ),
    ];
    let section = |(title, says, plot)| format!("<section><h2>{title}</h2><p>{says}</p>{plot}</section>");
    parts.into_iter().map(section).collect()
}

fn bar(cost: &Cost, name: String) -> Bar {
    let ours = ["light", "heavy", "in the background: the caller waits"].contains(&cost.name.as_str());
    Bar { name, median: cost.median_ns, low: cost.p10_ns, high: cost.p90_ns, stands_out: ours }
}

fn by_threads(bench: &Bench) -> Vec<Line> {
    let line = |name: &str, group: &str, stands_out| {
        let costs = bench.costs.iter().filter(|cost| cost.group == group && cost.name == name);
        let points =
            costs.filter_map(|cost| Some((cost.threads? as f64, cost.median_ns))).collect::<Vec<_>>();
        Line { name: name.into(), points, stands_out }
    };
    let all = [line("heavy", "others asleep", true), line("signal to every thread", "fallback", false)];
    all.into_iter().filter(|line| !line.points.is_empty()).collect()
}

fn numbers(bench: &Bench) -> String {
    let mut rows = String::new();
    for cost in &bench.costs {
        let [median, low, high] = [cost.median_ns, cost.p10_ns, cost.p90_ns].map(human);
        // Writing to a string cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{median}</td><td>{low} … {high}</td><td>{}</td></tr>",
            escape(&title(cost)),
            escape(&cost.name),
            cost.samples
        );
    }
    format!(
        "<section><h2>Every number</h2><table><thead><tr><th>situation</th><th>what</th><th>median</th><th>range</th>\
         <th>samples</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )
}

const STYLE: &str = "
:root{--ink:#1d2430;--dim:#667085;--paper:#fbfaf8;--card:#fff;--grid:#e6e3dd;--bar:#a9b4c2;--ours:#d9541e}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaee;--dim:#98a2b3;--paper:#14171c;--card:#1c2027;--grid:#2d333d;--bar:#56606f;--ours:#ff7a3d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:900px;margin:0 auto;padding:40px 20px}
h1{font-size:30px;margin:0 0 4px;letter-spacing:-.02em}
h2{font-size:20px;margin:0 0 2px}
p{margin:0 0 14px;color:var(--dim)}
.where{font-size:13px}
section{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:22px 26px;margin:22px 0;overflow-x:auto}
svg{width:100%;height:auto;display:block;font-family:inherit}
.grid{stroke:var(--grid)}
.tick,.name,.value{font-size:12.5px;fill:var(--ink)}
.tick{text-anchor:middle;fill:var(--dim)}
.name{text-anchor:end}
.value{fill:var(--ink);font-variant-numeric:tabular-nums}
.bar{fill:var(--bar)}.bar.ours{fill:var(--ours)}
.whisker{stroke:var(--ink);stroke-opacity:.55;stroke-width:1.5}
.line{fill:none;stroke:var(--bar);stroke-width:2.5}.line.ours{stroke:var(--ours)}
.point{fill:var(--bar)}.point.ours{fill:var(--ours)}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--dim);font-weight:600}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--grid)}
td:nth-child(n+3),th:nth-child(n+3){text-align:right;white-space:nowrap}
";
