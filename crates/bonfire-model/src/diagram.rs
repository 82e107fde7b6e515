//! A trace as a diagram: a column for each CPU, time downwards.

use std::fmt::Write as _;

use crate::explorer::{Event, Trace};

/// The diagram as text, in columns that are as wide as they must be, and at
/// least `width` characters.
///
/// A store or a load stands in parentheses where the program asks for it, and
/// with `~` where it happens, if that is later.
#[must_use]
pub fn text(trace: &Trace, width: usize) -> String {
    let widths: Vec<usize> = (0..trace.cpus).map(|cpu| column(trace, cpu).max(width)).collect();
    let mut diagram: String =
        widths.iter().enumerate().map(|(cpu, width)| format!("{:width$}", format!("CPU {cpu}"))).collect();
    diagram.truncate(diagram.trim_end().len());
    diagram.push('\n');
    for event in &trace.events {
        let indent: usize = widths[..event.cpu].iter().sum();
        let line = format!("{:indent$}{}", "", told(event));
        let all: usize = widths.iter().sum();
        let line = format!("{line:all$}{}", place(event));
        diagram.push_str(line.trim_end());
        diagram.push('\n');
    }
    diagram
}

/// How wide the column of a CPU must be.
fn column(trace: &Trace, cpu: usize) -> usize {
    let of_cpu = trace.events.iter().filter(|event| event.cpu == cpu);
    of_cpu.map(|event| told(event).chars().count() + 2).max().unwrap_or(0)
}

/// The diagram as a picture: a lifeline for each CPU, what happens later than it
/// was asked for in red, pokes as arrows, and the source on the right.
#[must_use]
pub fn svg(trace: &Trace, title: &str) -> String {
    const CHARACTER: f64 = 7.3;
    const ROW: usize = 20;
    const TOP: usize = 64;
    let mut lifelines = vec![20];
    for cpu in 0..trace.cpus {
        let characters = column(trace, cpu).max(12);
        lifelines.push(lifelines[cpu] + (characters as f64 * CHARACTER) as usize + 24);
    }
    let sources = lifelines[trace.cpus];
    let of_places = trace.events.iter().map(|event| place(event).len()).max().unwrap_or(0);
    let needed = (title.len() as f64 * CHARACTER) as usize + 30;
    let width = (sources + (of_places as f64 * CHARACTER) as usize + 20).max(needed);
    let bottom = TOP + ROW * (trace.events.len() + 1);
    let height = bottom + 10;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"monospace\" font-size=\"12\">\n\
         <defs><marker id=\"head\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" \
         orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"#06c\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"22\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    for (cpu, x) in lifelines[..trace.cpus].iter().enumerate() {
        let _ = writeln!(
            picture,
            "<text x=\"{}\" y=\"48\" font-weight=\"bold\">CPU {cpu}</text>\n\
             <line x1=\"{x}\" y1=\"54\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"#999\"/>",
            x - 8
        );
    }
    for (row, event) in trace.events.iter().enumerate() {
        let (x, y) = (lifelines[event.cpu], TOP + ROW * (row + 1));
        let colour = if event.is_late { "#b00" } else { "#000" };
        if let Some(to) = event.to.map(|cpu| lifelines[cpu]) {
            let line = y + 5;
            let _ = writeln!(
                picture,
                "<line x1=\"{x}\" y1=\"{line}\" x2=\"{to}\" y2=\"{line}\" stroke=\"#06c\" \
                 marker-end=\"url(#head)\"/>"
            );
        }
        let _ = writeln!(
            picture,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"3\" fill=\"{colour}\"/>\n\
             <text x=\"{}\" y=\"{y}\" fill=\"{colour}\">{}</text>\n\
             <text x=\"{sources}\" y=\"{y}\" fill=\"#777\">{}</text>",
            y - 4,
            x + 10,
            escaped(&told(event)),
            escaped(&place(event))
        );
    }
    picture.push_str("</svg>\n");
    picture
}

fn told(event: &Event) -> String {
    if event.is_late { format!("~ {}", event.what) } else { event.what.clone() }
}

/// Where it was asked for.
fn place(event: &Event) -> String {
    event.at.map(|(file, line)| format!("{}:{line}", short(file))).unwrap_or_default()
}

/// A source file without what all have in common.
fn short(file: &str) -> &str {
    file.rsplit_once("/src/").map_or(file, |(_, rest)| rest)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let event = |cpu, what: &str, is_late: bool| Event {
            cpu,
            what: what.to_owned(),
            at: (!is_late).then_some(("crates/bonfire-engine/src/request.rs", 7)),
            is_late,
            to: None,
        };
        Trace {
            cpus: 2,
            events: vec![event(0, "(x = 1)", false), event(1, "r0 = x < 1", false), event(0, "x = 1", true)],
        }
    }

    #[test]
    fn each_cpu_has_a_column_and_each_line_its_place() {
        let expected = "CPU 0       CPU 1\n\
                        (x = 1)                 request.rs:7\n\
                        \u{20}           r0 = x < 1  request.rs:7\n\
                        ~ x = 1\n";
        assert_eq!(text(&trace(), 12), expected);
    }

    #[test]
    fn a_column_is_as_wide_as_it_must_be() {
        let expected = "CPU 0    CPU 1\n\
                        (x = 1)              request.rs:7\n\
                        \u{20}        r0 = x < 1  request.rs:7\n\
                        ~ x = 1\n";
        assert_eq!(text(&trace(), 0), expected);
    }

    #[test]
    fn a_picture_escapes_what_it_shows() {
        let picture = svg(&trace(), "A & B");
        assert!(
            picture.contains("r0 = x &lt; 1")
                && picture.contains("A &amp; B")
                && picture.ends_with("</svg>\n")
        );
    }
}
