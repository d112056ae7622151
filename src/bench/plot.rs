//! Pictures of a measurement (`--plot`): latency by percentile, and latency over time as a heat map.
//!
//! SVG as text: it is sharp at any size, and follows the light or dark of its reader. It knows results and
//! must not know how they were made.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::report::shown;
use super::results::Results;

/// The size of a chart and its margins.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 40.0;
const BELOW: f64 = 60.0;

const COLORS: [&str; 6] = [
    "#2a78d6", "#d9622b", "#2f9e63", "#b04fc4", "#b8860b", "#7a7a7a",
];

/// The marks of the axis of percentiles: the part of all that is above.
const MARKS: [(&str, f64); 6] = [
    ("0 %", 1.0),
    ("90 %", 0.1),
    ("99 %", 0.01),
    ("99.9 %", 0.001),
    ("99.99 %", 0.000_1),
    ("99.999 %", 0.000_01),
];

/// Points of a line in a tenfold step of percentiles.
const POINTS: usize = 24;

/// A picture that is not drawn yet.
pub(super) struct Drawing {
    file: File,
    path: PathBuf,
}

/// Creates the file, or empties it.
///
/// # Errors
/// In words: the option, the file, the cause.
pub(super) fn create(path: &Path) -> Result<Drawing, String> {
    let file = File::create(path);
    Ok(Drawing {
        file: file.map_err(|error| format!("--plot {}: {error}", path.display()))?,
        path: path.to_owned(),
    })
}

/// Draws a line for each server, and a heat map for the first.
///
/// # Errors
/// In words, if the file cannot be written.
pub(super) fn draw(mut drawing: Drawing, servers: &[(&str, &[Results])]) -> Result<(), String> {
    let svg = svg(servers);
    let written = drawing.file.write_all(svg.as_bytes());
    written.map_err(|error| format!("--plot {}: {error}", drawing.path.display()))
}

fn svg(servers: &[(&str, &[Results])]) -> String {
    let all: Vec<_> = servers
        .iter()
        .filter_map(|(name, results)| Some((*name, merged(results)?)))
        .collect();
    let heat = match servers {
        [(_, [results])] => Some(&results.seconds),
        _ => None,
    };
    let charts = 1 + usize::from(heat.is_some_and(|seconds| !seconds.is_empty()));
    let height = charts as f64 * (TOP + HEIGHT + BELOW);
    let width = LEFT + WIDTH + 40.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<title>Latency</title>\n<style>\n\
         svg {{ background: #fff }} text {{ fill: #222 }} .grid {{ stroke: #ddd }}\n\
         @media (prefers-color-scheme: dark) {{ svg {{ background: #161616 }} text {{ fill: #ddd }} \
         .grid {{ stroke: #444 }} }}\n</style>\n"
    );
    let lowest = all.iter().map(|(_, times)| times.min()).min().unwrap_or(1);
    let highest = all.iter().map(|(_, times)| times.max()).max().unwrap_or(1);
    let axis = Axis::new(lowest, highest);
    percentiles(&mut out, &all, axis);
    if let Some(seconds) = heat.filter(|_| charts == 2) {
        heat_map(&mut out, seconds, axis, TOP + HEIGHT + BELOW);
    }
    out.push_str("</svg>\n");
    out
}

/// The times of the first row in all rounds.
fn merged(results: &[Results]) -> Option<Histogram<u64>> {
    let mut rows = results.iter().filter_map(|one| one.rows.first());
    let mut all = rows.next()?.measure.all.clone();
    for row in rows {
        // All have the same bounds.
        let added = all.add(&row.measure.all);
        debug_assert!(added.is_ok(), "the histograms differ");
    }
    (!all.is_empty()).then_some(all)
}

/// Times on a logarithmic axis, in whole powers of two.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn new(lowest: u64, highest: u64) -> Self {
        let low = (lowest.max(1) as f64).log2().floor();
        let high = (highest.max(2) as f64).log2().ceil().max(low + 1.0);
        Self { low, high }
    }

    /// How high a time is, from 0 at the bottom to 1.
    fn part(self, nanoseconds: f64) -> f64 {
        let part = (nanoseconds.max(1.0).log2() - self.low) / (self.high - self.low);
        part.clamp(0.0, 1.0)
    }

    /// Grid lines with their times.
    fn draw(self, out: &mut String, top: f64) {
        let step = ((self.high - self.low) / 8.0).ceil().max(1.0);
        let mut power = self.low;
        while power <= self.high {
            let time = power.exp2();
            let y = top + HEIGHT * (1.0 - self.part(time));
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is positive, and below an hour"
            )]
            let label = shown(Duration::from_nanos(time as u64));
            let (right, beside, baseline) = (LEFT + WIDTH, LEFT - 8.0, y + 4.0);
            // Writing to memory does not fail.
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{beside}\" y=\"{baseline:.1}\" text-anchor=\"end\">{label}</text>"
            );
            power += step;
        }
    }
}

fn percentiles(out: &mut String, all: &[(&str, Histogram<u64>)], axis: Axis) {
    axis.draw(out, TOP);
    let decades = (MARKS.len() - 1) as f64;
    let x = |above: f64| LEFT + WIDTH * -above.log10() / decades;
    let bottom = TOP + HEIGHT;
    for (label, above) in MARKS {
        let (x, below) = (x(above), bottom + 18.0);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>"
        );
    }
    for (index, (name, times)) in all.iter().enumerate() {
        let color = COLORS.get(index % COLORS.len()).unwrap_or(&"#000");
        let mut path = String::new();
        for step in 0..=POINTS * (MARKS.len() - 1) {
            let above = 10_f64.powf(-(step as f64) / POINTS as f64);
            // Beyond that each time would be the greatest.
            if above * times.len() as f64 > 0.999 || step == 0 {
                let time = times.value_at_quantile(1.0 - above) as f64;
                let y = TOP + HEIGHT * (1.0 - axis.part(time));
                let _ = write!(path, "{:.1},{y:.1} ", x(above));
            }
        }
        let (legend, row) = (LEFT + 12.0, TOP + 18.0 + 18.0 * index as f64);
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>\
             <text x=\"{legend}\" y=\"{row}\" style=\"fill:{color}\">{}</text>",
            path.trim_end(),
            escaped(name)
        );
    }
    let (middle, below) = (LEFT + WIDTH / 2.0, bottom + 40.0);
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">so many were as fast or faster</text>"
    );
}

/// A column a second, a row for each eighth of a power of two; the more times, the darker.
fn heat_map(out: &mut String, seconds: &[Vec<(u32, u64)>], axis: Axis, offset: f64) {
    let top = offset + TOP;
    axis.draw(out, top);
    let column = WIDTH / seconds.len() as f64;
    let row = HEIGHT / ((axis.high - axis.low) * 8.0);
    let counts = seconds.iter().flatten().map(|(_, count)| *count);
    let most = counts.max().unwrap_or(1).max(1) as f64;
    for (second, cells) in seconds.iter().enumerate() {
        for (eighth, count) in cells {
            let time = (f64::from(*eighth) / 8.0).exp2();
            let y = top + HEIGHT * (1.0 - axis.part(time)) - row;
            let x = LEFT + column * second as f64;
            let shade = 0.12 + 0.88 * (*count as f64).ln_1p() / most.ln_1p();
            let _ = writeln!(
                out,
                "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{column:.2}\" height=\"{row:.2}\" \
                 fill=\"#2a78d6\" fill-opacity=\"{shade:.2}\"/>"
            );
        }
    }
    let (right, below, middle) = (LEFT + WIDTH, top + HEIGHT + 18.0, LEFT + WIDTH / 2.0);
    let last = seconds.len();
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{below}\">0 s</text>\
         <text x=\"{right}\" y=\"{below}\" text-anchor=\"end\">{last} s</text>\
         <text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">over time: the darker, the more</text>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_goes_from_bottom_to_top() {
        let axis = Axis::new(1000, 3000);
        let parts = [1.0, 512.0, 1024.0, 4096.0].map(|time| format!("{:.2}", axis.part(time)));
        assert_eq!(parts, ["0.00", "0.00", "0.33", "1.00"]);
        let axis = Axis::new(0, 0);
        assert!(axis.high > axis.low);
    }
}
