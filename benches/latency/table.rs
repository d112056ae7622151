//! The table of results: the values of server and floor, and their ratio.
//!
//! Owns units and columns. Lines are printed as each row completes, as a full run takes minutes.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::Bench;
use crate::alternate::{Both, Rates, Times};
use crate::options::Server;

/// A measured quantity.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    /// A duration.
    Time(Duration),
    /// Commands per second.
    Commands(f64),
    /// Bytes per second.
    Throughput(f64),
    /// Memory in bytes.
    Bytes(f64),
    /// Events per second.
    #[cfg(feature = "tls")]
    Count(f64),
}

/// One line of the table.
pub(crate) struct Line {
    measure: String,
    server: Value,
    floor: Option<Value>,
    target: &'static str,
}

impl Line {
    /// A line with a ratio. `target` is the project's goal for the ratio, or for the server.
    pub(crate) fn compared(
        measure: impl Into<String>,
        values: &Both<Value>,
        target: &'static str,
    ) -> Self {
        Self {
            measure: measure.into(),
            server: values.server,
            floor: Some(values.floor),
            target,
        }
    }

    /// A line for the server only.
    pub(crate) fn alone(measure: impl Into<String>, server: Value, target: &'static str) -> Self {
        Self {
            measure: measure.into(),
            server,
            floor: None,
            target,
        }
    }

    /// A quantile of both sides' times.
    pub(crate) fn quantile(
        measure: &'static str,
        times: &Both<Times>,
        fraction: f64,
        target: &'static str,
    ) -> Self {
        let values = Both {
            server: Value::Time(times.server.quantile(fraction)),
            floor: Value::Time(times.floor.quantile(fraction)),
        };
        Self::compared(measure, &values, target)
    }

    /// The medians of both sides' rates.
    pub(crate) fn rates(
        measure: impl Into<String>,
        rates: &mut Both<Rates>,
        unit: fn(f64) -> Value,
        target: &'static str,
    ) -> Self {
        let values = Both {
            server: unit(rates.server.median()),
            floor: unit(rates.floor.median()),
        };
        Self::compared(measure, &values, target)
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

/// Prints the environment of the run, and the names of the columns.
pub(crate) fn print_head(bench: &Bench) {
    let column = match &bench.options.server {
        Server::Program(program) => program.display().to_string(),
        Server::SecondFloor => "a second floor: every ratio should be 1".to_owned(),
    };
    println!("server: {column}");
    println!("machine: {} cores; {}", bench.cores, bench.pinning);
    if bench.options.quick {
        println!("quick: the run is too short for meaningful numbers");
    }
    println!();
    print_line("row", "measure", ["server", "floor", "ratio"], "target");
}

/// Prints the lines of one row.
pub(crate) fn print_row(name: &str, lines: &[Line]) {
    for line in lines {
        let floor = line
            .floor
            .map_or_else(|| "-".to_owned(), |value| value.to_string());
        let numbers = [&*line.server.to_string(), &*floor, &*line.ratio()];
        print_line(name, &line.measure, numbers, line.target);
    }
}

/// Prints the outcome of a row without numbers, and the reason.
pub(crate) fn print_status(name: &str, outcome: &str, error: &io::Error) {
    println!("{name:<11}  {outcome}: {error}");
}

fn print_line(row: &str, measure: &str, [server, floor, ratio]: [&str; 3], target: &str) {
    let line = format!("{row:<11}  {measure:<30} {server:>12} {floor:>12} {ratio:>7}  {target}");
    println!("{}", line.trim_end());
}
