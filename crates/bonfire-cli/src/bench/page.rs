//! The costs as one page that needs nothing but itself.

use std::fmt::Write;

use super::Bench;
use super::plot::{Row, bars, points};
use super::sample::{Cost, human};
use super::table::title;
use crate::output::escape;

/// A plot for each question, then every number.
pub(super) fn page(bench: &Bench) -> String {
    let environment = &bench.environment;
    let where_run = format!(
        "{} · {} · CPUs {} · {}",
        environment.kernel,
        environment.architecture,
        environment.cpus_online.as_deref().unwrap_or("?"),
        environment.virtualised.as_deref().unwrap_or("unknown whether virtualised"),
    );
    let not_measured: String = bench
        .not_measured
        .iter()
        .map(|missing| format!("<p class=\"where\">Not measured: {}</p>", escape(missing)))
        .collect();
    let body = format!(
        "<h1>What fences cost on this machine</h1><p class=\"where\">{}</p><p class=\"where\">{}</p>{not_measured}{}{}\
         <p class=\"where\">bonfire {}. Medians of rounds, each in an order of its own; thin lines and ranges are \
         the tenth and ninetieth percentile. A difference from the first of a group is told where it is more than noise, which is how far two medians of the same thing would be apart; \
         and a median of few samples is faded.</p>",
        escape(&bench.place()),
        escape(&where_run),
        sections(bench),
        numbers(bench),
        bench.bonfire,
    );
    whole("bonfire bench", &body)
}

/// A page of this title, with nothing beside itself.
pub(super) fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
}

fn sections(bench: &Bench) -> String {
    let of = |group: &str| bench.costs.iter().filter(|cost| cost.group == group).collect::<Vec<_>>();
    let many = [of("others asleep"), of("fallback")].concat();
    let many = many.into_iter().filter(|cost| {
        cost.threads.is_some() && ["heavy", "signal to every thread"].contains(&cost.name.as_str())
    });
    let with_threads = |cost: &Cost| format!("{}, {} asleep", cost.name, cost.threads.unwrap_or_default());
    let name = |cost: &Cost| cost.name.clone();
    [
        section("The reader", "A section is: store, fence, load, store. The light fence is no instruction.", &of("reader section"), name, bars),
        section("The heavy fence, alone", "No other thread runs: it is a system call.", &of("alone"), name, bars),
        section("The heavy fence, one other running", "A thread that runs on another CPU has to be interrupted.", &of("one other running"), name, bars),
        section("With many threads asleep", "The kernel looks at CPUs, not at threads; a signal goes to every thread.", &many.collect::<Vec<_>>(), with_threads, points),
        section("Who is fenced", "What a running thread loses for each heavy fence of another.", &of("stall of a fenced thread"), name, bars),
        section("Registration", "Once in a process. With several threads the kernel waits for a grace period for each flavour; in the background nobody waits for it.", &of("registration"), name, points),
    ]
    .concat()
}

/// A question, and a plot that answers it or the word that there is none.
fn section(
    heading: &str,
    says: &str,
    costs: &[&Cost],
    name: impl Fn(&Cost) -> String,
    plot: fn(&[Row]) -> String,
) -> String {
    let ours = ["light", "heavy", "in the background: the caller waits"];
    let stands_out = |cost: &Cost| ours.contains(&cost.name.as_str());
    let rows: Vec<Row> =
        costs.iter().map(|&cost| Row { name: name(cost), cost, stands_out: stands_out(cost) }).collect();
    let body = match rows.is_empty() {
        true => "<p class=\"missing\">Not measured here.</p>".to_owned(),
        false => plot(&rows),
    };
    format!("<section><h2>{heading}</h2><p>{says}</p>{body}</section>")
}

fn numbers(bench: &Bench) -> String {
    let mut rows = String::new();
    for cost in &bench.costs {
        let [median, low, high, noise] = [cost.median_ns, cost.p10_ns, cost.p90_ns, cost.noise_ns].map(human);
        let class = if cost.is_faint() { " class=\"faint\"" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(
            rows,
            "<tr{class}><td>{}</td><td>{}</td><td>{median}</td><td>{low} … {high}</td><td>{noise}</td><td>{}</td>\
             <td>{}</td></tr>",
            escape(&title(cost)),
            escape(&cost.name),
            cost.claim(),
            cost.samples
        );
    }
    format!(
        "<section><h2>Every number</h2><div class=\"wide\"><table><thead><tr><th>situation</th><th>what</th>\
         <th>median</th><th>range</th><th>noise</th><th>beside the first</th><th>samples</th></tr></thead>\
         <tbody>{rows}</tbody></table></div></section>"
    )
}

const STYLE: &str = "
:root{--ink:#1d2430;--dim:#5d6676;--paper:#fbfaf8;--card:#fff;--grid:#e6e3dd;--bar:#a9b4c2;--ours:#d9541e}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaee;--dim:#98a2b3;--paper:#14171c;--card:#1c2027;--grid:#2d333d;--bar:#56606f;--ours:#ff7a3d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:900px;margin:0 auto;padding:clamp(16px,4vw,40px)}
h1{font-size:clamp(22px,5vw,30px);line-height:1.2;margin:0 0 8px;letter-spacing:-.02em}
h2{font-size:20px;margin:0 0 2px}
p{margin:0 0 12px;color:var(--dim);overflow-wrap:anywhere}
.where{font-size:13px;margin:0 0 6px}
.scale{font-size:13px;margin:0 0 8px}
.missing{font-style:italic}
section{background:var(--card);border:1px solid var(--grid);border-radius:12px;padding:clamp(14px,3vw,24px);margin:20px 0}
dl{margin:0 0 10px}
.row{display:grid;grid-template-columns:minmax(9em,16em) 1fr 10.5em;grid-template-areas:'name track value';gap:0 12px;align-items:center;padding:5px 0}
dt{grid-area:name}
dd{margin:0}
.value{grid-area:value;font-variant-numeric:tabular-nums;white-space:nowrap}
.value small{color:var(--dim);margin-left:6px}
.track{grid-area:track;position:relative;height:16px;background:linear-gradient(var(--grid),var(--grid)) 0 50%/100% 1px no-repeat;border-left:1px solid var(--dim)}
.bar,.whisker,.point{position:absolute;display:block}
.bar{left:0;top:1px;bottom:1px;min-width:1px;background:var(--bar);border-radius:0 2px 2px 0}
.point{width:12px;height:12px;top:2px;margin-left:-6px;border-radius:50%;background:var(--bar)}
.ours .bar,.ours .point{background:var(--ours)}
.whisker{top:7px;height:2px;min-width:2px;background:var(--ink);opacity:.6}
.faint{opacity:.45}
@media(max-width:620px){.row{grid-template-columns:1fr auto;grid-template-areas:'name value' 'track track';padding:7px 0}}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--dim);font-weight:600}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--grid)}
td:nth-child(n+3),th:nth-child(n+3){text-align:right;white-space:nowrap}
";
