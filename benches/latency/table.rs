//! The table of results, in Markdown: the values of all contenders, and the server's ratios.
//!
//! Owns units, columns and goals. Lines are printed as each row completes, as a full run takes minutes.

use std::fmt::Write as _;
use std::io;

use crate::Bench;
use crate::contest::{Measured, Results};
use crate::field::Who;
use crate::options::Server;
use crate::peers::Peer;

/// The unit of a measure, which says whether more is better.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Seconds, printed as microseconds.
    Microseconds,
    /// Seconds, printed as milliseconds.
    Milliseconds,
    /// Events per second.
    Rate,
    /// Events per second, printed in thousands.
    ThousandRate,
    /// Bytes per second, printed in units of 10^9.
    Throughput,
    /// CPU seconds per GiB.
    Cpu,
    /// Bytes, printed as KiB.
    Kibibytes,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Rate => "/s",
            Self::ThousandRate => "1000/s",
            Self::Throughput => "GB/s",
            Self::Cpu => "CPU s/GiB",
            Self::Kibibytes => "KiB",
        }
    }

    fn size(self) -> f64 {
        match self {
            Self::Microseconds => 1e-6,
            Self::Milliseconds => 1e-3,
            Self::Rate | Self::Cpu => 1.0,
            Self::ThousandRate => 1e3,
            Self::Throughput => 1e9,
            Self::Kibibytes => 1024.0,
        }
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::Rate | Self::ThousandRate | Self::Throughput)
    }
}

/// The bound of a ratio that the project aims at.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// None.
    None,
    /// For the ratio to the floor.
    Floor(f64),
    /// For the ratio to the best peer.
    Peer(f64),
    /// For both.
    Both(f64, f64),
}

impl Goal {
    fn of_floor(self) -> Option<f64> {
        match self {
            Self::Floor(bound) | Self::Both(bound, _) => Some(bound),
            Self::None | Self::Peer(_) => None,
        }
    }

    fn of_peer(self) -> Option<f64> {
        match self {
            Self::Peer(bound) | Self::Both(_, bound) => Some(bound),
            Self::None | Self::Floor(_) => None,
        }
    }
}

/// One line of the table.
pub(crate) struct Line {
    measure: String,
    unit: Unit,
    goal: Goal,
    values: Vec<(Who, Result<f64, &'static str>)>,
}

impl Line {
    /// A line with the server's value only.
    pub(crate) fn alone(measure: &str, unit: Unit, value: f64) -> Self {
        Self {
            measure: measure.to_owned(),
            unit,
            goal: Goal::None,
            values: vec![(Who::Server, Ok(value))],
        }
    }

    fn value(&self, who: Who) -> Result<f64, &'static str> {
        let found = self.values.iter().find(|(other, _)| *other == who);
        found.map_or(Err("-"), |(_, value)| *value)
    }

    fn best_peer(&self) -> Result<f64, &'static str> {
        let values = Peer::ALL.iter();
        let values = values.filter_map(|peer| self.value(Who::Peer(*peer)).ok());
        let best = if self.unit.more_is_better() {
            values.reduce(f64::max)
        } else {
            values.reduce(f64::min)
        };
        best.ok_or("-")
    }

    /// The ratio of the server's value to this one, and its relation to the goal.
    fn ratio(&self, value: Result<f64, &'static str>, goal: Option<f64>) -> String {
        let (Ok(server), Ok(value)) = (self.value(Who::Server), value) else {
            return "-".to_owned();
        };
        // Rounded as it is printed, so that the relation is true of what the reader sees.
        let ratio = (server / value * 100.0).round() / 100.0;
        let Some(goal) = goal else {
            return format!("{ratio:.2}");
        };
        let relation = match (self.unit.more_is_better(), ratio < goal) {
            (true, true) => '<',
            (true, false) => '≥',
            (false, true) => '≤',
            (false, false) => '>',
        };
        format!("{ratio:.2} {relation} {goal}")
    }

    fn cell(&self, who: Who) -> String {
        match self.value(who) {
            Ok(value) => digits(value / self.unit.size()),
            Err(word) => word.to_owned(),
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            format!("{}, {}", self.measure, self.unit.name()),
            self.cell(Who::Server),
            self.cell(Who::Floor),
            self.ratio(self.value(Who::Floor), self.goal.of_floor()),
            self.cell(Who::Runtime),
        ];
        cells.extend(Peer::ALL.iter().map(|peer| self.cell(Who::Peer(*peer))));
        cells.push(self.ratio(self.best_peer(), self.goal.of_peer()));
        cells
    }
}

impl<const N: usize> Results<N> {
    /// A line for each of the numbers.
    pub(crate) fn lines(&self, measures: [(&str, Unit, Goal); N]) -> Vec<Line> {
        let measures = measures.into_iter().enumerate();
        let lines = measures.map(|(index, (measure, unit, goal))| {
            let number = |measured: &Measured<N>| {
                measured.and_then(|values| values.get(index).copied().ok_or("-"))
            };
            let values = self
                .0
                .iter()
                .map(|(who, measured)| (*who, number(measured)));
            Line {
                measure: measure.to_owned(),
                unit,
                goal,
                values: values.collect(),
            }
        });
        lines.collect()
    }
}

/// Three significant digits, or all of a greater number.
fn digits(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value if value >= 0.9995 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// Prints the environment of the run, and the names of the columns.
pub(crate) fn print_head(bench: &Bench) {
    let server = match &bench.options.server {
        Server::Program(program) => program.display().to_string(),
        Server::SecondFloor => "a second floor: every ratio should be 1".to_owned(),
    };
    println!("server: {server}");
    println!("machine: {}; {}", machine(bench.cores), bench.pinning);
    for found in &bench.peers {
        println!("{}: {}", found.peer.name(), found.program.display());
    }
    if bench.options.quick {
        println!("quick: the run is too short for meaningful numbers");
    }
    println!();
    let mut heads = vec!["", "mioftpd", "floor", "to floor", "tokio"];
    heads.extend(Peer::ALL.iter().map(|peer| peer.name()));
    heads.push("to best peer");
    print_cells(heads.iter().copied());
    print_cells(heads.iter().map(|_| "---"));
}

fn machine(cores: usize) -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information
        .lines()
        .find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| Some(line.split_once(": ")?.1));
    let kernel = rustix::system::uname();
    let release = kernel.release().to_string_lossy();
    format!(
        "{cores} cores, {}, Linux {release}",
        model.unwrap_or("of an unknown type")
    )
}

/// Prints the lines of one row.
pub(crate) fn print_lines(lines: &[Line]) {
    for line in lines {
        let cells = line.cells();
        print_cells(cells.iter().map(String::as_str));
    }
}

fn print_cells<'a>(cells: impl Iterator<Item = &'a str>) {
    let mut text = String::from("|");
    for (number, cell) in cells.enumerate() {
        let width = match number {
            0 => 42,
            3 => 11,
            9 => 12,
            _ => 9,
        };
        // Writing to a string cannot fail.
        let _: Result<(), _> = write!(text, " {cell:<width$} |");
    }
    println!("{text}");
    drop(io::Write::flush(&mut io::stdout()));
}
