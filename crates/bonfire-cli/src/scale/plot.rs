//! Plots as SVG. A series is told by the shape of its marks, so that a plot can
//! be read without colour, and by a colour of its own.

use anyhow::{Result, anyhow};
use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;

use super::table::count;

/// Points that belong together.
pub(super) struct Series {
    /// Which mark it has.
    pub(super) place: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// What is written at the axes, and how.
pub(super) struct Axes {
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    pub(super) number: fn(f64) -> String,
}

/// Wide enough for the labels, and no wider: a phone shrinks it by a quarter.
const SIZE: (u32, u32) = (480, 360);
/// Told apart by those who see colours, in bright and dark.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(120, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(120, 120, 120),
    RGBColor(150, 0, 60),
];

/// Lines through the points of each series, both axes logarithmic.
pub(super) fn lines(axes: &Axes, series: &[Series]) -> Result<String> {
    let series =
        series.iter().map(Series::positive).filter(|series| !series.points.is_empty()).collect::<Vec<_>>();
    let all = || series.iter().flat_map(|series| series.points.iter());
    let (Some(x), Some(y)) = (range(all().map(|point| point.0)), range(all().map(|point| point.1))) else {
        return Ok(String::new());
    };
    let mut svg = String::new();
    draw(axes, &series, x, y, &mut svg).map_err(|error| anyhow!("cannot draw a plot: {error}"))?;
    Ok(svg)
}

type Failed = Box<dyn std::error::Error>;

fn draw(
    axes: &Axes,
    series: &[Series],
    x: (f64, f64),
    y: (f64, f64),
    svg: &mut String,
) -> Result<(), Failed> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .x_label_area_size(44)
        .y_label_area_size(74)
        .build_cartesian_2d(logarithmic(x), logarithmic(y))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", 15))
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_labels(6)
        .y_labels(7)
        .x_label_formatter(&|x| if x.fract() == 0.0 && *x < 1e4 { x.to_string() } else { count(*x) })
        .y_label_formatter(&|y| (axes.number)(*y))
        .draw()?;
    for series in series {
        let colour = COLOURS[series.place % COLOURS.len()];
        chart.draw_series(LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)))?;
        for &(x, y) in &series.points {
            let (x, y) = chart.backend_coord(&(x, y));
            mark(&area, series.place, (x, y))?;
        }
    }
    area.present()?;
    Ok(())
}

/// A logarithmic axis: with a label for each power of ten, or of two where there would
/// be no more than one or two of those.
fn logarithmic((least, most): (f64, f64)) -> LogCoord<f64> {
    let base = if most / least < 30.0 { 2.0 } else { 10.0 };
    (least..most).log_scale().base(base).into()
}

/// The mark of a series, alone: for the list beside the plots.
pub(super) fn key(place: usize) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (16, 16)).into_drawing_area();
        mark(&area, place, (8, 8)).map_err(|error| anyhow!("cannot draw a mark: {error}"))?;
        area.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// One of ten shapes.
fn mark(area: &Area<'_>, place: usize, (x, y): (i32, i32)) -> Result<(), Failed> {
    let colour = COLOURS[place % COLOURS.len()];
    let (filled, open) = (colour.filled(), colour.stroke_width(2));
    let square = [(x - 4, y - 4), (x + 4, y + 4)];
    let diamond = [(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y), (x, y - 6)];
    match place % COLOURS.len() {
        0 => area.draw(&Circle::new((x, y), 5, filled))?,
        1 => area.draw(&TriangleMarker::new((x, y), 6, filled))?,
        2 => area.draw(&Rectangle::new(square, filled))?,
        3 => area.draw(&Cross::new((x, y), 5, open))?,
        4 => area.draw(&Circle::new((x, y), 5, open))?,
        5 => area.draw(&TriangleMarker::new((x, y), 6, open))?,
        6 => area.draw(&Rectangle::new(square, open))?,
        7 => area.draw(&PathElement::new(diamond, open))?,
        8 => area.draw(&Polygon::new(diamond, filled))?,
        _ => area.draw(&PathElement::new([(x - 6, y), (x + 6, y)], colour.stroke_width(4)))?,
    }
    Ok(())
}

/// From the least to the largest, with some room.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (least, most) =
        values.fold((f64::MAX, 0.0), |(least, most), value| (value.min(least), value.max(most)));
    (least <= most).then_some((least / 1.3, most * 1.3))
}

impl Series {
    /// What can stand on a logarithmic axis.
    fn positive(&self) -> Self {
        let points = self.points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0).collect();
        Self { place: self.place, points }
    }
}
