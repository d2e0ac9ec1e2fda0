//! A line chart over the seconds of the load, as SVG without a script.

use askama::Template;

/// Size of the picture, and of the margins around its plot.
const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

/// Columns with a text of their own, at most: a long run has several seconds in each.
const COLUMNS_MAX: usize = 600;

/// Intervals of the vertical axis, about.
const STEPS: f64 = 4.0;

/// What is drawn over time.
pub(in crate::report) struct Line {
    /// Its name in the legend and in the table.
    pub(in crate::report) name: &'static str,
    /// The class that gives it its colour and dashes.
    pub(in crate::report) class: &'static str,
    /// A value for each second; none where there is nothing to show.
    pub(in crate::report) values: Vec<Option<f64>>,
}

/// A time that is marked behind the lines.
pub(in crate::report) struct Band {
    /// From and to, seconds.
    pub(in crate::report) from: f64,
    pub(in crate::report) to: f64,
    /// What it was.
    pub(in crate::report) text: String,
}

/// A chart.
#[derive(Template)]
#[template(path = "chart.html")]
pub(in crate::report) struct Chart {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    width: f64,
    height: f64,
    plot: Plot,
    horizontal: Vec<Tick>,
    vertical: Vec<Tick>,
    bands: Vec<DrawnBand>,
    paths: Vec<Path>,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

struct Tick {
    at: f64,
    label: String,
}

struct DrawnBand {
    x: f64,
    width: f64,
    text: String,
}

struct Path {
    name: &'static str,
    class: &'static str,
    /// The `d` of the SVG path.
    points: String,
}

struct Column {
    x: f64,
    width: f64,
    text: String,
}

struct Row {
    second: String,
    values: Vec<String>,
}

impl Chart {
    /// Draws lines over time. All of them have as many values as there are seconds.
    pub(in crate::report) fn new(id: &'static str, title: &'static str, unit: &'static str, lines: &[Line], bands: &[Band]) -> Self {
        let seconds = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
        let bucket = seconds.div_ceil(COLUMNS_MAX).max(1);
        let lines: Vec<(&Line, Vec<Option<f64>>)> = lines.iter().map(|line| (line, gathered(&line.values, bucket))).collect();
        let highest = lines.iter().flat_map(|(_, values)| values).flatten().fold(0.0, |most: f64, value| most.max(*value));
        let step = nice_step(highest / STEPS);
        let top = (highest / step).ceil().max(1.0) * step;
        let plot = Plot { left: LEFT, right: WIDTH - RIGHT, top: TOP, bottom: HEIGHT - BOTTOM };
        let span = (seconds as f64).max(1.0);
        let x = |second: f64| plot.left + (plot.right - plot.left) * (second / span).clamp(0.0, 1.0);
        let y = |value: f64| plot.bottom - (plot.bottom - plot.top) * (value / top).clamp(0.0, 1.0);
        let middle = |column: usize| x(((column * bucket) as f64 + (column * bucket + bucket).min(seconds) as f64) / 2.0);

        let paths =
            lines.iter().map(|(line, values)| Path { name: line.name, class: line.class, points: path(values, middle, y) }).collect();
        let count = seconds.div_ceil(bucket);
        let text = |column: usize| {
            let values = lines.iter().map(|(line, values)| format!("{} {}", line.name, shown(values.get(column).copied().flatten(), unit)));
            values.collect::<Vec<_>>().join(", ")
        };
        let columns = (0..count).map(|column| {
            let (from, to) = (x((column * bucket) as f64), x((column * bucket + bucket).min(seconds) as f64));
            Column { x: from, width: to - from, text: format!("{}: {}", moment(column * bucket, bucket), text(column)) }
        });
        let rows = (0..count).map(|column| Row {
            second: moment(column * bucket, bucket),
            values: lines.iter().map(|(_, values)| shown(values.get(column).copied().flatten(), unit)).collect(),
        });
        let time_step = nice_step(span / 10.0).max(1.0);
        let ticks = |step: f64, until: f64| (0..).map(move |number| f64::from(number) * step).take_while(move |value| *value <= until);
        Self {
            id,
            title,
            unit,
            width: WIDTH,
            height: HEIGHT,
            horizontal: ticks(time_step, span).map(|second| Tick { at: x(second), label: format!("{second:.0} s") }).collect(),
            vertical: ticks(step, top).map(|value| Tick { at: y(value), label: number(value) }).collect(),
            bands: bands
                .iter()
                .map(|band| DrawnBand { x: x(band.from), width: (x(band.to) - x(band.from)).max(2.0), text: band.text.clone() })
                .collect(),
            paths,
            columns: columns.collect(),
            rows: rows.collect(),
            plot,
        }
    }
}

/// The mean of every `bucket` values that are there.
fn gathered(values: &[Option<f64>], bucket: usize) -> Vec<Option<f64>> {
    let mean = |values: &[Option<f64>]| {
        let present: Vec<f64> = values.iter().copied().flatten().collect();
        (!present.is_empty()).then(|| present.iter().sum::<f64>() / present.len() as f64)
    };
    values.chunks(bucket).map(mean).collect()
}

/// A path with a gap where there is no value. A value between two gaps is a dot.
fn path(values: &[Option<f64>], x: impl Fn(usize) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut points = String::new();
    let mut is_open = false;
    for (column, value) in values.iter().enumerate() {
        let Some(value) = value else {
            is_open = false;
            continue;
        };
        let (command, dot) = if is_open { ("L", "") } else { ("M", "h0") };
        points.push_str(&format!("{command}{:.1} {:.1}{dot}", x(column), y(*value)));
        is_open = true;
    }
    points
}

/// A step of an axis: 1, 2 or 5 times a power of ten, not below the wanted one.
pub(in crate::report) fn nice_step(wanted: f64) -> f64 {
    if wanted <= 0.0 || !wanted.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(wanted.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= wanted * 0.999).unwrap_or(10.0);
    factor * power
}

fn moment(second: usize, bucket: usize) -> String {
    if bucket == 1 { format!("{second} s") } else { format!("{second} to {} s", second + bucket) }
}

fn shown(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{}{unit}", number(value)))
}

/// A number with as many digits as a reader needs.
fn number(value: f64) -> String {
    use crate::report::numbers::count;
    if value >= 10.0 || value == value.trunc() { count(value.round() as u64) } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!([0.0, 0.03, 1.0, 3.0, 7.0, 12.0, 230.0].map(nice_step), [1.0, 0.05, 1.0, 5.0, 10.0, 20.0, 500.0]);
    }

    #[test]
    fn a_gap_is_no_line_and_a_lone_value_is_a_dot() {
        let values = [Some(1.0), Some(2.0), None, Some(3.0)];
        assert_eq!(path(&values, |column| column as f64, |value| value), "M0.0 1.0h0L1.0 2.0M3.0 3.0h0");
    }

    #[test]
    fn a_long_run_is_drawn_in_at_most_so_many_columns() {
        let values = (0..10_000).map(|second| Some(f64::from(second % 7))).collect();
        let lines = [Line { name: "sold", class: "a", values }];
        let chart = Chart::new("c", "Sales", "/s", &lines, &[Band { from: 5.0, to: 9.0, text: "kill".to_owned() }]);
        assert!(chart.columns.len() <= COLUMNS_MAX && chart.rows.len() == chart.columns.len());
        let svg = chart.render().unwrap();
        assert!(svg.len() < 200_000, "{}", svg.len());
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn no_second_makes_an_empty_chart() {
        let chart = Chart::new("c", "Sales", "/s", &[Line { name: "sold", class: "a", values: Vec::new() }], &[]);
        assert!(!chart.render().unwrap().contains("NaN"));
    }
}
