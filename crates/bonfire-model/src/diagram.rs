//! A trace as a diagram: a column for each CPU, time downwards.

use std::fmt::Write as _;

use crate::explorer::{Event, Trace};

/// The diagram as text, in columns `width` characters wide.
///
/// A store or a load stands in parentheses where the program asks for it, and
/// with `~` where it happens, if that is later.
#[must_use]
pub fn text(trace: &Trace, width: usize) -> String {
    let mut diagram = String::new();
    for cpu in 0..trace.cpus {
        let _ = write!(diagram, "{:width$}", format!("CPU {cpu}"));
    }
    diagram.push('\n');
    for event in &trace.events {
        let line = format!("{:indent$}{}", "", told(event), indent = event.cpu * width);
        let place = event.at.map(|(file, line)| format!("{}:{line}", short(file))).unwrap_or_default();
        let _ = writeln!(diagram, "{line:all$}  {place}", all = trace.cpus * width);
    }
    diagram
}

/// The diagram as a picture.
#[must_use]
pub fn svg(trace: &Trace, title: &str) -> String {
    const COLUMN: usize = 330;
    const ROW: usize = 20;
    let width = COLUMN * trace.cpus + 20;
    let height = ROW * (trace.events.len() + 4);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    for cpu in 0..trace.cpus {
        let x = 10 + COLUMN * cpu;
        let _ = writeln!(
            picture,
            "<text x=\"{x}\" y=\"44\" font-weight=\"bold\">CPU {cpu}</text>\n\
             <line x1=\"{x}\" y1=\"50\" x2=\"{x}\" y2=\"{height}\" stroke=\"#bbb\"/>"
        );
    }
    for (row, event) in trace.events.iter().enumerate() {
        let (x, y) = (16 + COLUMN * event.cpu, ROW * (row + 3) + 8);
        let colour = if event.is_late { "#b00" } else { "#000" };
        let place = event.at.map(|(file, line)| format!("{}:{line}", short(file))).unwrap_or_default();
        let _ = writeln!(
            picture,
            "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{}<title>{}</title></text>",
            escaped(&told(event)),
            escaped(&place)
        );
    }
    picture.push_str("</svg>\n");
    picture
}

fn told(event: &Event) -> String {
    if event.is_late { format!("~ {}", event.what) } else { event.what.clone() }
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
        };
        Trace {
            cpus: 2,
            events: vec![event(0, "(x = 1)", false), event(1, "r0 = x < 1", false), event(0, "x = 1", true)],
        }
    }

    #[test]
    fn each_cpu_has_a_column_and_each_line_its_place() {
        let expected = "CPU 0       CPU 1       \n\
                        (x = 1)                   request.rs:7\n\
                        \u{20}           r0 = x < 1    request.rs:7\n\
                        ~ x = 1                   \n";
        assert_eq!(text(&trace(), 12), expected);
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
