//! Plots as SVG, of two kinds: bars and lines, both with logarithmic scales,
//! since costs here span nine orders of magnitude.

use std::fmt::Write;

use super::sample::human;

/// Room for names on the left, and for what is written at the end of a bar.
const LEFT: f64 = 300.0;
const WIDTH: f64 = 860.0;
const RIGHT: f64 = 110.0;

/// A bar for each value, with a whisker over its spread.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Drawn in the colour that draws the eye.
    pub(super) stands_out: bool,
}

/// Bars on a common scale.
pub(super) fn bars(bars: &[Bar]) -> String {
    const ROW: f64 = 26.0;
    let scale = Scale::over(bars.iter().flat_map(|bar| [bar.low, bar.median, bar.high]), LEFT, WIDTH - RIGHT);
    let height = ROW * bars.len() as f64 + 34.0;
    let mut svg = open(WIDTH, height);
    for decade in scale.decades() {
        let x = scale.at(decade);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="4" y2="{:.1}"/><text class="tick" x="{x:.1}" y="{:.1}">{}</text>"#,
            height - 28.0,
            height - 10.0,
            decade_name(decade)
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = ROW * row as f64 + 8.0;
        let class = if bar.stands_out { "bar ours" } else { "bar" };
        let (start, end) = (scale.start, scale.at(bar.median));
        let _ = write!(
            svg,
            r#"<text class="name" x="{:.1}" y="{:.1}">{}</text><rect class="{class}" x="{start:.1}" y="{y:.1}" width="{:.1}" height="14" rx="2"/><line class="whisker" x1="{:.1}" x2="{:.1}" y1="{m:.1}" y2="{m:.1}"/><text class="value" x="{:.1}" y="{:.1}">{}</text>"#,
            LEFT - 10.0,
            y + 11.5,
            escape(&bar.name),
            (end - start).max(1.5),
            scale.at(bar.low),
            scale.at(bar.high),
            end.max(scale.at(bar.high)) + 8.0,
            y + 11.5,
            human(bar.median),
            m = y + 7.0,
        );
    }
    svg + "</svg>"
}

/// A line through points, with its name at the end.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) stands_out: bool,
}

/// Lines over a count on a logarithmic scale.
pub(super) fn lines(lines: &[Line], below: &str) -> String {
    const HEIGHT: f64 = 320.0;
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let across = Scale::over(points().map(|(x, _)| x), 70.0, WIDTH - 190.0);
    let up = Scale::over(points().map(|(_, y)| y), HEIGHT - 44.0, 12.0);
    let mut svg = open(WIDTH, HEIGHT);
    for decade in up.decades() {
        let y = up.at(decade);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="70" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="name" x="62" y="{:.1}">{}</text>"#,
            WIDTH - 190.0,
            y + 4.0,
            decade_name(decade)
        );
    }
    for decade in across.decades() {
        let x = across.at(decade);
        let _ = write!(svg, r#"<text class="tick" x="{x:.1}" y="{:.1}">{decade}</text>"#, HEIGHT - 24.0);
    }
    let _ = write!(
        svg,
        r#"<text class="tick" x="{:.1}" y="{:.1}">{below}</text>"#,
        WIDTH / 2.0 - 60.0,
        HEIGHT - 6.0
    );
    for line in lines {
        let class = if line.stands_out { "ours" } else { "" };
        let path: Vec<String> =
            line.points.iter().map(|&(x, y)| format!("{:.1},{:.1}", across.at(x), up.at(y))).collect();
        let _ = write!(svg, r#"<polyline class="line {class}" points="{}"/>"#, path.join(" "));
        for point in &path {
            let (x, y) = point.split_once(',').unwrap_or_default();
            let _ = write!(svg, r#"<circle class="point {class}" cx="{x}" cy="{y}" r="3.5"/>"#);
        }
        if let Some(&(x, y)) = line.points.last() {
            let (x, y) = (across.at(x) + 10.0, up.at(y) + 4.0);
            let _ = write!(svg, r#"<text class="value" x="{x:.1}" y="{y:.1}">{}</text>"#, escape(&line.name));
        }
    }
    svg + "</svg>"
}

fn open(width: f64, height: f64) -> String {
    format!(r#"<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg">"#)
}

/// Powers of ten, laid out between two places.
struct Scale {
    lowest: f64,
    decades: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Whole decades around `values`; what is not positive is at the start.
    fn over(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let logs: Vec<f64> = values.filter(|&value| value > 0.0).map(f64::log10).collect();
        let lowest = logs.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
        let (lowest, highest) = if logs.is_empty() { (0.0, 1.0) } else { (lowest, highest) };
        Self { lowest, decades: (highest - lowest).max(1.0), start, end }
    }

    fn at(&self, value: f64) -> f64 {
        let share = if value > 0.0 { (value.log10() - self.lowest) / self.decades } else { 0.0 };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        let lowest = self.lowest as i32;
        (0..=self.decades as i32).map(move |step| 10_f64.powi(lowest + step))
    }
}

fn decade_name(ns: f64) -> String {
    human(ns).replace(".00", "").replace(".0 ", " ")
}

/// Text as XML wants it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_covers_whole_decades() {
        let scale = Scale::over([0.25, 0.0, 30.0].into_iter(), 100.0, 400.0);
        assert_eq!([0.1, 1.0, 100.0].map(|value| scale.at(value).round()), [100.0, 200.0, 400.0]);
        assert_eq!(scale.at(-5.0), 100.0);
        assert_eq!(scale.decades().count(), 4);
    }

    #[test]
    fn plots_are_whole_and_hold_what_they_show() {
        let bar = Bar { name: "a<b".into(), median: 5.0, low: 4.0, high: 9.0, stands_out: true };
        let svg = bars(&[bar]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert!(svg.contains("a&lt;b") && svg.contains("5.00 ns") && !svg.contains("NaN"));
        let line = Line { name: "l".into(), points: vec![(1.0, 2.0), (10.0, 200.0)], stands_out: false };
        assert_eq!(lines(&[line], "threads").matches("<circle").count(), 2);
    }
}
