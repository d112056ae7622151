//! Several runs beside each other: the table of their ratios, from rounds that were just measured or from
//! the files of `--json` (`bench --compare`).
//!
//! It knows the JSON of [`report`](super::report). It must not know how runs are made.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::measure::percentile;
use super::ratio::{Ratio, median};
use super::report::shown;
use super::results::Results;
use super::values::read_bounded;

/// What is compared, and whether more of it is better.
const NUMBERS: [&str; 3] = ["p50", "p99", "rate"];

/// A server and what its rounds have come to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    /// By the name of the row.
    rows: Vec<(String, Rounds)>,
    errors: u64,
}

/// The numbers of a row in each round, in the order of [`NUMBERS`]; times in seconds.
type Rounds = [Vec<f64>; NUMBERS.len()];

impl Series {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Adds a round.
    pub(super) fn add(&mut self, results: &Results) {
        for row in &results.rows {
            let times = &row.measure.all;
            if times.is_empty() {
                continue;
            }
            let seconds = |percent| percentile(times, percent).as_secs_f64();
            let rate = times.len() as f64 / results.time.as_secs_f64().max(1e-9);
            self.push(&row.name, [seconds(50.0), seconds(99.0), rate]);
        }
        self.errors += results.errors.all();
    }

    fn push(&mut self, name: &str, numbers: [f64; NUMBERS.len()]) {
        if let Some((_, rounds)) = self.rows.iter_mut().find(|(known, _)| known == name) {
            for (all, number) in rounds.iter_mut().zip(numbers) {
                all.push(number);
            }
        } else {
            self.rows
                .push((name.to_owned(), numbers.map(|number| vec![number])));
        }
    }

    fn row(&self, name: &str) -> Option<&Rounds> {
        let found = self.rows.iter().find(|(known, _)| known == name);
        found.map(|(_, rounds)| rounds)
    }
}

/// Compares two files.
///
/// # Errors
/// In words: the file, what is wrong with it, and the remedy.
pub(super) fn files(first: &Path, second: &Path) -> Result<String, String> {
    let series = [read(first)?, read(second)?];
    Ok(table(&series))
}

/// The first server in a file.
fn read(path: &Path) -> Result<Series, String> {
    let shown = path.display();
    let text = read_bounded(path).map_err(|error| format!("--compare {shown}: {error}"))?;
    let parsed = serde_json::from_slice(&text).ok();
    let series = parsed.as_ref().and_then(series_of);
    series.ok_or_else(|| {
        format!(
            "--compare {shown}: it is not what bench --json prints; write one by bench URL --json"
        )
    })
}

fn series_of(file: &Value) -> Option<Series> {
    let first = file.get("servers").map(|servers| servers.get(0));
    let rounds = match first {
        Some(first) => first?.get("rounds")?.as_array()?.as_slice(),
        None => std::slice::from_ref(file),
    };
    let name = rounds.first()?.get("server")?.as_str()?;
    let mut series = Series::new(name.to_owned());
    for round in rounds {
        for row in round.get("rows")?.as_array()? {
            if row.get("commands")?.as_u64()? == 0 {
                continue;
            }
            let time = |name| row.get("latency_seconds")?.get(name)?.as_f64();
            let rate = row.get("rate")?.as_f64()?;
            series.push(
                row.get("name")?.as_str()?,
                [time("p50")?, time("p99")?, rate],
            );
        }
        let errors = round.get("errors")?.as_object()?.values();
        series.errors += errors.filter_map(Value::as_u64).sum::<u64>();
    }
    Some(series)
}

/// All series and their ratios to the first one.
pub(super) fn table(series: &[Series]) -> String {
    let mut out = String::new();
    let Some((base, others)) = series.split_first() else {
        return out;
    };
    let width = series
        .iter()
        .map(|one| one.name.len())
        .max()
        .unwrap_or(0)
        .max(6);
    for (name, rounds) in &base.rows {
        // Writing to memory does not fail.
        let _ = writeln!(out, "\n{name}");
        let _ = writeln!(
            out,
            "{:<width$} {:>9} {:>9} {:>12} {:>7}  {:<22} {:<22} rate",
            "server", "p50", "p99", "rate/s", "errors", "p50 to the first", "p99"
        );
        out.push_str(&line(base, rounds, None, width));
        for other in others {
            match other.row(name) {
                Some(rounds_of_other) => {
                    out.push_str(&line(other, rounds_of_other, Some(rounds), width));
                }
                None => {
                    let _ = writeln!(out, "{:<width$} nothing was measured", other.name);
                }
            }
        }
    }
    out.push('\n');
    out.push_str(&note(base));
    out
}

fn line(series: &Series, rounds: &Rounds, base: Option<&Rounds>, width: usize) -> String {
    let [p50, p99, rate] = rounds
        .each_ref()
        .map(|all| median(all.clone()).unwrap_or(0.0));
    let [p50, p99] = [p50, p99].map(|time| shown(Duration::from_secs_f64(time)));
    let name = &series.name;
    let mut out = format!(
        "{name:<width$} {p50:>9} {p99:>9} {rate:>12.1} {:>7}",
        series.errors
    );
    let ratios = base.map(|base| {
        rounds
            .iter()
            .zip(base)
            .map(|(is, base)| Ratio::of(is, base))
    });
    for ratio in ratios.into_iter().flatten() {
        // Writing to memory does not fail.
        let _ = write!(out, "  {:<21}", ratio.map_or_else(String::new, in_words));
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn in_words(ratio: Ratio) -> String {
    let number = ratio.ratio;
    match (ratio.interval, ratio.may_be_noise()) {
        (Some((low, high)), Some(is_noise)) => {
            let mark = if is_noise { "~" } else { " " };
            format!("{mark}{number:.3} ({low:.2} to {high:.2})")
        }
        _ => format!("?{number:.3}"),
    }
}

fn note(base: &Series) -> String {
    let rounds = base.rows.first().map_or(0, |(_, [first, ..])| first.len());
    if rounds < 3 {
        return "?: one round or two do not tell how much is noise; use --rounds 5 or more\n"
            .to_owned();
    }
    "Medians over the rounds; in brackets where 95 % of the ratios lie if rounds are drawn again.\n\
     ~: the difference may be noise\n"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(rounds: &[f64]) -> String {
        let round = |time: &f64| {
            format!(
                "{{\"server\":\"a\",\"rows\":[{{\"name\":\"noop\",\"commands\":9,\"rate\":{},\
                 \"latency_seconds\":{{\"p50\":{time},\"p99\":{}}}}}],\"errors\":{{\"x\":1}}}}",
                1.0 / time,
                time * 2.0
            )
        };
        let rounds: Vec<_> = rounds.iter().map(round).collect();
        format!("{{\"servers\":[{{\"rounds\":[{}]}}]}}", rounds.join(","))
    }

    fn written(directory: &Path, name: &str, text: &str) -> std::path::PathBuf {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn files_are_compared_row_by_row() {
        let directory = tempfile::tempdir().unwrap();
        let base = written(directory.path(), "a", &file(&[0.010, 0.011, 0.012, 0.0105]));
        let slower = written(directory.path(), "b", &file(&[0.020, 0.022, 0.024, 0.0210]));
        let page = files(&base, &slower).unwrap();
        assert!(
            page.contains(" 2.000 (") && page.contains(" 0.500 ("),
            "{page}"
        );
        assert!(
            page.contains("21.5 ms") && page.contains("       4"),
            "{page}"
        );
        let page = files(&base, &base).unwrap();
        assert!(page.contains("~1.000 ("), "{page}");
        let once = written(directory.path(), "c", &file(&[0.020]));
        let page = files(&once, &slower).unwrap();
        assert!(
            page.contains("?1.075") && page.contains("use --rounds 5"),
            "{page}"
        );
    }

    #[test]
    fn other_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("empty", ""),
            ("list", "[]"),
            ("part", "{\"servers\":[{\"rounds\":[{}]}]}"),
        ] {
            let path = written(directory.path(), name, text);
            let error = files(&path, &path).unwrap_err();
            assert!(
                error.contains(name) && error.contains("bench URL --json"),
                "{error}"
            );
        }
        let error = files(&directory.path().join("none"), Path::new("/")).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
    }
}
