//! Plots of two kinds, in plain HTML: bars from zero, where lengths are compared,
//! and points on a logarithmic scale that says so, where costs are magnitudes
//! apart.
//!
//! No plotting crate: those draw pictures, whose letters shrink with the window.
//! Here a row is text with a bar under it or beside it, in the reader's own size,
//! on a telephone and in the dark, and a reader that sees nothing hears names and
//! numbers.

use std::fmt::Write;

use super::sample::{Cost, human};
use crate::output::escape;

/// What one row shows.
pub(super) struct Row<'a> {
    pub(super) name: String,
    pub(super) cost: &'a Cost,
    /// Drawn in the colour that draws the eye.
    pub(super) stands_out: bool,
}

/// Bars from zero to the largest. A spread that goes further is cut off there.
pub(super) fn bars(rows: &[Row]) -> String {
    let most = rows.iter().map(|row| row.cost.median_ns).fold(0.0, f64::max);
    let at = |ns: f64| 100.0 * (ns / most).clamp(0.0, 1.0);
    drawn(rows, "from zero", at, |row| {
        format!("<i class=\"bar\" style=\"width:{:.2}%\"></i>", at(row.cost.median_ns))
    })
}

/// Points on a logarithmic scale over whole decades.
pub(super) fn points(rows: &[Row]) -> String {
    let logs = || {
        rows.iter().flat_map(|row| [row.cost.p10_ns, row.cost.p90_ns]).filter(|ns| *ns > 0.0).map(f64::log10)
    };
    let lowest = logs().fold(f64::INFINITY, f64::min).floor();
    let decades = (logs().fold(f64::NEG_INFINITY, f64::max).ceil() - lowest).max(1.0);
    let at = |ns: f64| 100.0 * ((ns.max(f64::MIN_POSITIVE).log10() - lowest) / decades).clamp(0.0, 1.0);
    let ends = [lowest, lowest + decades].map(|decade| human(10_f64.powf(decade)));
    let scale = format!("logarithmic scale, {} to {}", ends[0], ends[1]);
    drawn(rows, &scale, at, |row| {
        format!("<i class=\"point\" style=\"left:{:.2}%\"></i>", at(row.cost.median_ns))
    })
}

/// The rows, each with its spread, and what the scale is.
fn drawn(rows: &[Row], scale: &str, at: impl Fn(f64) -> f64, mark: impl Fn(&Row) -> String) -> String {
    let mut html = format!("<p class=\"scale\">{scale}</p><dl>");
    for row in rows {
        let class = match (row.stands_out, row.cost.is_faint()) {
            (true, false) => "ours",
            (false, true) => "faint",
            (true, true) => "ours faint",
            (false, false) => "",
        };
        let (low, high) = (at(row.cost.p10_ns), at(row.cost.p90_ns));
        let claim = Some(row.cost.claim()).filter(|claim| !claim.is_empty());
        let claim = claim.map(|claim| format!(" <small>{claim}</small>")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<div class=\"row {class}\"><dt>{}</dt><dd class=\"value\">{}{claim}</dd><dd class=\"track\" \
             aria-hidden=\"true\">{}<i class=\"whisker\" style=\"left:{low:.2}%;width:{:.2}%\"></i></dd></div>",
            escape(&row.name),
            human(row.cost.median_ns),
            mark(row),
            high - low,
        );
    }
    html + "</dl>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample::costs;

    fn check(plot: fn(&[Row]) -> String, holds: &[&str]) {
        let values = vec![("a<b", vec![50.0; 20]), ("c", vec![200.0; 20]), ("few", vec![100.0; 3])];
        let costs = costs("group", None, values);
        let rows: Vec<Row> =
            costs.iter().map(|cost| Row { name: cost.name.clone(), cost, stands_out: false }).collect();
        let html = plot(&rows);
        for text in holds.iter().chain(&["a&lt;b", "50.0 ns", "+150 ns", "row faint"]) {
            assert!(html.contains(text), "{text}: {html}");
        }
        assert!(!html.contains("NaN") && !html.contains("a<b"));
    }

    #[test]
    fn bars_begin_at_zero_and_their_lengths_compare() {
        check(bars, &["from zero", "class=\"bar\" style=\"width:25.00%\"", "width:100.00%"]);
    }

    #[test]
    fn points_stand_on_a_scale_that_is_said_to_be_logarithmic() {
        check(points, &["logarithmic scale, 10.0 ns to 1.00 µs", "left:34.95%"]);
    }
}
