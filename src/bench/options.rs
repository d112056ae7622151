//! The options of `mioftpd bench`.
//!
//! An error names the option, the value and what it takes. Nothing is looked up or connected here.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;

use super::pacing::Arrivals;
use super::plan::{Amount, Format};
use super::url::ServerUrl;
use super::values::{line, time, url};
use super::{Bench, Measurement};

/// The most connections.
const CONNECTIONS: usize = 50_000;

/// The most commands of a connection that wait for their replies.
const DEPTH: usize = 1024;

/// The most commands per second.
const RATE: f64 = 10e6;

/// The most rounds.
const ROUNDS: usize = 1000;

/// The largest file, 1 TiB.
const MOST_BYTES: u64 = 1 << 40;

/// The longest time of any option, a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The options that have a value.
const VALUED: &[&str] = &[
    "workload",
    "against",
    "rounds",
    "plot",
    "compare",
    "beside",
    "mix",
    "size",
    "ca",
    "rate",
    "user",
    "password",
    "connections",
    "depth",
    "count",
    "duration",
    "warmup",
    "ramp",
    "timeout",
    "seed",
    "hdr",
    "pid",
];

/// What these arguments ask for; `None` if the first of them is not `bench`.
///
/// # Errors
/// In words: the option, the value and the remedy.
pub(super) fn parse(arguments: &[OsString]) -> Result<Option<Bench>, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    match parser.next() {
        Ok(Some(Value(name))) if name == "bench" => {}
        _ => return Ok(None),
    }
    let mut draft = Draft::default();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let name = match argument {
            Short('h') | Long("help") => return Ok(Some(Bench::Help)),
            Long(name) => name.to_owned(),
            Value(text) if !draft.compare.is_empty() => {
                draft.compare.push(text.into());
                continue;
            }
            Value(text) if draft.url.is_none() => {
                draft.url = Some(url(&text, "bench")?);
                continue;
            }
            // More of them may follow the first.
            Value(text) if !draft.against.is_empty() => {
                draft.against.push(url(&text, "bench")?);
                continue;
            }
            other => return Err(other.unexpected().to_string()),
        };
        draft.take(&name, &mut parser)?;
    }
    if !draft.compare.is_empty() {
        return files(draft.compare).map(|files| Some(Bench::Compare(files)));
    }
    let measurement = draft.finish().map(Measurement)?;
    Ok(Some(Bench::Measure(Box::new(measurement))))
}

/// What was said so far.
#[derive(Clone, Default)]
pub(super) struct Draft {
    pub(super) url: Option<ServerUrl>,
    pub(super) against: Vec<ServerUrl>,
    pub(super) rounds: Option<usize>,
    pub(super) plot: Option<PathBuf>,
    compare: Vec<PathBuf>,
    pub(super) workload: Option<String>,
    pub(super) beside: Vec<String>,
    pub(super) mix: Option<String>,
    pub(super) rate: Option<f64>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) connections: Option<usize>,
    pub(super) depth: Option<usize>,
    pub(super) amount: Option<Amount>,
    pub(super) warm_up: Option<Duration>,
    pub(super) ramp: Option<Duration>,
    pub(super) time_out: Option<Duration>,
    pub(super) size: Option<u64>,
    pub(super) arrivals: Arrivals,
    pub(super) seed: Option<u64>,
    pub(super) format: Format,
    pub(super) hdr: Option<PathBuf>,
    pub(super) pid: Option<u32>,
    pub(super) ca: Option<PathBuf>,
    pub(super) switches: Switches,
}

/// What is said without a value.
#[derive(Clone, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct Switches {
    pub(super) may_load_any_host: bool,
    pub(super) tls: bool,
    pub(super) insecure: bool,
    pub(super) verify: bool,
    pub(super) active: bool,
    pub(super) floor: bool,
}

impl Draft {
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), String> {
        match name {
            "poisson" => self.arrivals = Arrivals::Poisson,
            "json" => self.format = Format::Json,
            "csv" => self.format = Format::Csv,
            "i-may-load-this-host" => self.switches.may_load_any_host = true,
            "tls" => self.switches.tls = true,
            "insecure" => self.switches.insecure = true,
            "verify" => self.switches.verify = true,
            "active" => self.switches.active = true,
            "floor" => self.switches.floor = true,
            "passive" => self.switches.active = false,
            _ => {
                let value = parser.value().map_err(|error| error.to_string());
                return self.set(name, value);
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Result<OsString, String>) -> Result<(), String> {
        if !VALUED.contains(&name) {
            return Err(format!(
                "bench: unknown option --{name}; bench --help lists the options"
            ));
        }
        let value = value?;
        let wrong = |takes: &str| {
            let value = value.display();
            format!("--{name}: invalid value '{value}'; use {takes}")
        };
        let up_to = |most: usize| {
            let count = number::<usize>(&value).filter(|count| (1..=most).contains(count));
            count.ok_or_else(|| wrong(&format!("a number from 1 to {most}")))
        };
        let duration = || {
            let time = time(&value).filter(|time| *time <= LONGEST);
            time.ok_or_else(|| wrong("a time such as 500ms, 10s or 2m"))
        };
        let some_time = || {
            let time = duration()?;
            let wrong = wrong("a time above zero, such as 500ms, 10s or 2m");
            Some(time).filter(|time| !time.is_zero()).ok_or(wrong)
        };
        match name {
            "workload" => self.workload = Some(value.to_string_lossy().into_owned()),
            "against" => self.against.push(url(&value, "bench")?),
            "rounds" => self.rounds = Some(up_to(ROUNDS)?),
            "plot" => self.plot = Some(picture(value)?),
            "compare" => self.compare.push(value.into()),
            "beside" => self.beside.push(value.to_string_lossy().into_owned()),
            "mix" => self.mix = Some(value.to_string_lossy().into_owned()),
            "size" => {
                let size = bytes(&value).ok_or_else(|| wrong("bytes, such as 500, 64k, 10M or 1G"));
                self.size = Some(size?);
            }
            "ca" => self.ca = Some(value.into()),
            "rate" => {
                let rate = number::<f64>(&value).filter(|rate| *rate > 0.0 && *rate <= RATE);
                let takes = "commands per second, above 0 and up to 10000000";
                self.rate = Some(rate.ok_or_else(|| wrong(takes))?);
            }
            "user" => self.user = Some(line(value, name)?),
            "password" => self.password = Some(line(value, name)?),
            "connections" => self.connections = Some(up_to(CONNECTIONS)?),
            "depth" => self.depth = Some(up_to(DEPTH)?),
            "count" => self.amount = Some(Amount::Commands(up_to(usize::MAX)? as u64)),
            "duration" => self.amount = Some(Amount::Time(some_time()?)),
            "warmup" => self.warm_up = Some(duration()?),
            "ramp" => self.ramp = Some(duration()?),
            "timeout" => self.time_out = Some(some_time()?),
            "seed" => self.seed = Some(number(&value).ok_or_else(|| wrong("a number"))?),
            "hdr" => self.hdr = Some(value.into()),
            _ => self.pid = Some(number(&value).ok_or_else(|| wrong("the number of a process"))?),
        }
        Ok(())
    }
}

fn number<T: FromStr>(value: &OsStr) -> Option<T> {
    value.to_str()?.parse().ok()
}

/// A number, with a unit of 1024 bytes or its powers.
fn bytes(value: &OsStr) -> Option<u64> {
    let text = value.to_str()?;
    let units = [('k', 10), ('M', 20), ('G', 30)];
    let unit = units.iter().find(|(name, _)| text.ends_with(*name));
    let (digits, power) = match unit {
        Some((name, power)) => (text.strip_suffix(*name)?, *power),
        None => (text, 0),
    };
    let number = digits.parse::<u64>().ok()?;
    number
        .checked_mul(1 << power)
        .filter(|bytes| *bytes <= MOST_BYTES)
}

fn picture(file: OsString) -> Result<PathBuf, String> {
    let file = PathBuf::from(file);
    if file.extension().is_some_and(|end| end == "svg") {
        return Ok(file);
    }
    let shown = file.display();
    Err(format!(
        "--plot: invalid value '{shown}'; use the name of a new file that ends in .svg"
    ))
}

fn files(files: Vec<PathBuf>) -> Result<[PathBuf; 2], String> {
    let files = <[PathBuf; 2]>::try_from(files);
    files.map_err(|_| "--compare needs two files of bench --json: --compare A B".to_owned())
}

#[cfg(test)]
mod tests;
