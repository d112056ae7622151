//! The table: what was measured, of the server and of its floor, and their ratio.
//!
//! Owns units and columns. Lines are printed as rows end, because a full run takes a while.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::Bench;
use crate::alternate::{Both, Rates, Times};
use crate::options::Server;

/// A measured quantity.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    /// How long.
    Time(Duration),
    /// Commands a second.
    Commands(f64),
    /// Bytes a second.
    Throughput(f64),
    /// Memory.
    Bytes(f64),
    /// How many a second.
    #[cfg(feature = "tls")]
    Count(f64),
}

/// One line of the table.
pub(crate) struct Line {
    measure: String,
    server: Value,
    floor: Option<Value>,
    wanted: &'static str,
}

impl Line {
    /// A line with a ratio. `wanted` is what the project asks of the ratio, or of the server.
    pub(crate) fn compared(
        measure: impl Into<String>,
        values: &Both<Value>,
        wanted: &'static str,
    ) -> Self {
        Self {
            measure: measure.into(),
            server: values.server,
            floor: Some(values.floor),
            wanted,
        }
    }

    /// A line about the server alone.
    pub(crate) fn alone(measure: impl Into<String>, server: Value, wanted: &'static str) -> Self {
        Self {
            measure: measure.into(),
            server,
            floor: None,
            wanted,
        }
    }

    /// A quantile of both sides' times.
    pub(crate) fn quantile(
        measure: &'static str,
        times: &Both<Times>,
        fraction: f64,
        wanted: &'static str,
    ) -> Self {
        let values = Both {
            server: Value::Time(times.server.quantile(fraction)),
            floor: Value::Time(times.floor.quantile(fraction)),
        };
        Self::compared(measure, &values, wanted)
    }

    /// The medians of both sides' rates.
    pub(crate) fn rates(
        measure: impl Into<String>,
        rates: &mut Both<Rates>,
        unit: fn(f64) -> Value,
        wanted: &'static str,
    ) -> Self {
        let values = Both {
            server: unit(rates.server.median()),
            floor: unit(rates.floor.median()),
        };
        Self::compared(measure, &values, wanted)
    }

    fn ratio(&self) -> String {
        match self.floor {
            Some(floor) => format!("{:.3}", self.server.number() / floor.number()),
            None => "-".to_owned(),
        }
    }
}

impl Value {
    fn number(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Commands(number) | Self::Throughput(number) | Self::Bytes(number) => number,
            #[cfg(feature = "tls")]
            Self::Count(number) => number,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Time(time) => {
                let microseconds = time.as_secs_f64() * 1e6;
                format!("{microseconds:.2} us")
            }
            Self::Commands(rate) => format!("{:.1} k/s", rate / 1e3),
            Self::Throughput(rate) => format!("{:.3} GB/s", rate / 1e9),
            Self::Bytes(bytes) if *bytes < 4096.0 => format!("{bytes:.0} B"),
            Self::Bytes(bytes) => format!("{:.1} KiB", bytes / 1024.0),
            #[cfg(feature = "tls")]
            Self::Count(count) => format!("{count:.1} /s"),
        };
        f.pad(&text)
    }
}

/// What the numbers depend on, and the columns' names.
pub(crate) fn print_head(bench: &Bench) {
    let column = match &bench.options.server {
        Server::Program(program) => program.display().to_string(),
        Server::SecondFloor => "a second floor: every ratio should be 1".to_owned(),
    };
    println!("server: {column}");
    println!("machine: {} cores; {}", bench.cores, bench.pinning);
    if bench.options.quick {
        println!("quick: too short a run to conclude anything from");
    }
    println!();
    print_line("row", "measure", ["server", "floor", "ratio"], "wanted");
}

/// One row's lines.
pub(crate) fn print_row(name: &str, lines: &[Line]) {
    for line in lines {
        let floor = line
            .floor
            .map_or_else(|| "-".to_owned(), |value| value.to_string());
        let numbers = [&*line.server.to_string(), &*floor, &*line.ratio()];
        print_line(name, &line.measure, numbers, line.wanted);
    }
}

/// For a row without numbers: what became of it, and why.
pub(crate) fn print_instead(name: &str, outcome: &str, error: &io::Error) {
    println!("{name:<11}  {outcome}: {error}");
}

fn print_line(row: &str, measure: &str, [server, floor, ratio]: [&str; 3], wanted: &str) {
    let line = format!("{row:<11}  {measure:<30} {server:>12} {floor:>12} {ratio:>7}  {wanted}");
    println!("{}", line.trim_end());
}
