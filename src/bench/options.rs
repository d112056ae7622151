//! The options of `mioftpd bench`.
//!
//! An error names the option, the value and what it takes. Nothing is looked up or connected here.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;

use super::client::{Login, LoginPlan};
use super::pacing::Arrivals;
use super::plan::{Amount, Format, Plan, Workload};
use super::url::{Protection, ServerUrl};
use super::{Bench, Measurement};

/// The most connections.
const CONNECTIONS: usize = 50_000;

/// The most commands of a connection that wait for their replies.
const DEPTH: usize = 1024;

/// The most commands per second.
const RATE: f64 = 10e6;

/// The longest time of any option, a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What `mioftpd bench --help` prints.
pub(super) const HELP: &str = "\
Measure an FTP server: any server, from one thread.

Usage: mioftpd bench URL [OPTIONS]

  URL  ftp://[USER[:PASSWORD]@]HOST[:PORT]; without a user anonymous, where the server has logins

      --workload WORKLOAD  noop: a NOOP for each reply, on each connection [default]
                           rate: NOOPs at a rate, timed from when they were due
                           login: connect, log in, QUIT, and again
                           idle: a NOOP for each reply on one connection, the others wait
      --connections N      Connections, 1 to 50000 [default: 1]
      --depth N            NOOPs without a reply on a connection, 1 to 1024 [default: 1]
      --rate N             NOOPs a second on all connections together
      --poisson            At random times of that rate, as of many clients [default: evenly]
      --duration TIME      How long is measured, such as 500ms, 10s or 2m [default: 10s]
      --count N            How many commands or logins are measured, instead of a time
      --warmup TIME        What is done before and not measured [default: 1s]
      --ramp TIME          Open the connections spread over this time [default: 0s]
      --timeout TIME       What the server may take for a reply [default: 10s]
      --user NAME, --password PASSWORD  Instead of those in the URL
      --seed N             For the random times [default: 1]
      --json, --csv        Print the results in this form, times in seconds
      --hdr FILE           Write the times of each second for the tools of HdrHistogram
      --pid PID            Show what this process used meanwhile: that of the server, on this host
      --i-may-load-this-host  Measure a host that is not on this host's own network
  -h, --help               Print this

SIGINT ends it with the results so far. Exit codes: 0 no errors, 1 errors, 2 usage.
";

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
            Value(text) if draft.url.is_none() => {
                draft.url = Some(url(&text)?);
                continue;
            }
            other => return Err(other.unexpected().to_string()),
        };
        draft.take(&name, &mut parser)?;
    }
    let measurement = draft.finish().map(Measurement)?;
    Ok(Some(Bench::Measure(Box::new(measurement))))
}

/// What was said so far.
#[derive(Default)]
struct Draft {
    url: Option<ServerUrl>,
    workload: Option<String>,
    rate: Option<f64>,
    user: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
    connections: Option<usize>,
    depth: Option<usize>,
    amount: Option<Amount>,
    warm_up: Option<Duration>,
    ramp: Option<Duration>,
    time_out: Option<Duration>,
    arrivals: Arrivals,
    seed: Option<u64>,
    format: Format,
    hdr: Option<PathBuf>,
    pid: Option<u32>,
    may_load_any_host: bool,
}

impl Draft {
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), String> {
        match name {
            "poisson" => self.arrivals = Arrivals::Poisson,
            "json" => self.format = Format::Json,
            "csv" => self.format = Format::Csv,
            "i-may-load-this-host" => self.may_load_any_host = true,
            _ => {
                let value = parser.value().map_err(|error| error.to_string());
                return self.set(name, value);
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Result<OsString, String>) -> Result<(), String> {
        let is_known = [
            "workload",
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
        ]
        .contains(&name);
        if !is_known {
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
        let duration = || time(&value).ok_or_else(|| wrong("a time such as 500ms, 10s or 2m"));
        match name {
            "workload" => self.workload = Some(value.to_string_lossy().into_owned()),
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
            "duration" => self.amount = Some(Amount::Time(duration()?)),
            "warmup" => self.warm_up = Some(duration()?),
            "ramp" => self.ramp = Some(duration()?),
            "timeout" => self.time_out = Some(duration()?),
            "seed" => self.seed = Some(number(&value).ok_or_else(|| wrong("a number"))?),
            "hdr" => self.hdr = Some(value.into()),
            _ => self.pid = Some(number(&value).ok_or_else(|| wrong("the number of a process"))?),
        }
        Ok(())
    }

    fn finish(self) -> Result<Plan, String> {
        let url = self
            .url
            .ok_or("bench needs the URL of a server, such as ftp://127.0.0.1:2121")?;
        if url.protection != Protection::Clear {
            return Err("bench speaks no TLS yet: use ftp://".to_owned());
        }
        let workload = match (self.workload.as_deref(), self.rate) {
            (None | Some("rate"), Some(rate)) => Workload::Rate(rate),
            (Some("rate"), None) => {
                return Err("--workload rate needs --rate, in commands per second".to_owned());
            }
            (Some(_), Some(_)) => return Err("--rate is for --workload rate only".to_owned()),
            (None | Some("noop"), None) => Workload::Noop,
            (Some("login"), None) => Workload::Login,
            (Some("idle"), None) => Workload::Idle,
            (Some(other), None) => {
                return Err(format!(
                    "--workload: invalid value '{other}'; use noop, rate, login or idle"
                ));
            }
        };
        let has_user = self.user.is_some() || url.user.is_some();
        let login = LoginPlan {
            // A server for the control connection only has no accounts.
            login: if has_user || workload == Workload::Login {
                Login::Yes
            } else {
                Login::IfThere
            },
            user: self
                .user
                .or_else(|| url.user.clone())
                .unwrap_or_else(|| b"anonymous".to_vec()),
            password: self
                .password
                .or_else(|| url.password.clone())
                .unwrap_or_else(|| b"bench".to_vec()),
        };
        Ok(Plan {
            url,
            workload,
            login,
            connections: self.connections.unwrap_or(1),
            depth: self.depth.unwrap_or(1),
            amount: self.amount.unwrap_or(Amount::Time(Duration::from_secs(10))),
            warm_up: self.warm_up.unwrap_or(Duration::from_secs(1)),
            ramp: self.ramp.unwrap_or_default(),
            time_out: self.time_out.unwrap_or(Duration::from_secs(10)),
            arrivals: self.arrivals,
            seed: self.seed.unwrap_or(1),
            format: self.format,
            hdr: self.hdr,
            pid: self.pid,
            may_load_any_host: self.may_load_any_host,
        })
    }
}

fn url(text: &OsStr) -> Result<ServerUrl, String> {
    // It may have a password in it, so it is not repeated.
    let wrong = |error| format!("bench: the URL is wrong: {error}");
    ServerUrl::parse(&text.to_string_lossy()).map_err(wrong)
}

fn number<T: FromStr>(value: &OsStr) -> Option<T> {
    value.to_str()?.parse().ok()
}

/// A number with its unit.
fn time(value: &OsStr) -> Option<Duration> {
    let text = value.to_str()?;
    let units = [
        ("us", 1),
        ("ms", 1000),
        ("s", 1_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
    ];
    let mut units = units.iter();
    let (number, unit) = units.find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let micros = number.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_micros(micros)).filter(|time| *time <= LONGEST)
}

/// What becomes the argument of a command must not end it.
fn line(value: OsString, name: &str) -> Result<Vec<u8>, String> {
    let bytes = value.into_vec();
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(format!(
            "--{name}: it has a CR, LF or NUL, which would end a command"
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Plan, String> {
        let arguments = text.split_whitespace().map(OsString::from);
        let arguments: Vec<_> = ["bench".into()].into_iter().chain(arguments).collect();
        match parse(&arguments)?.unwrap() {
            Bench::Measure(measurement) => Ok(measurement.0),
            Bench::Help => panic!("help"),
        }
    }

    #[test]
    fn options_are_read_and_have_defaults() {
        let plan = parsed("ftp://ann:secret@127.0.0.1:2121").unwrap();
        assert_eq!(
            (plan.workload, plan.connections, plan.depth),
            (Workload::Noop, 1, 1)
        );
        assert_eq!(plan.amount, Amount::Time(Duration::from_secs(10)));
        assert_eq!(
            (plan.login.login, plan.login.user),
            (Login::Yes, b"ann".to_vec())
        );
        let plan = parsed(
            "ftp://h --rate 2.5 --poisson --connections 50000 --depth 8 --count 7 --warmup 0s --ramp 2m \
             --timeout 500ms --seed 9 --json --hdr f --pid 3 --user bob --i-may-load-this-host",
        )
        .unwrap();
        assert_eq!(
            (plan.workload, plan.arrivals),
            (Workload::Rate(2.5), Arrivals::Poisson)
        );
        assert_eq!(
            (plan.amount, plan.ramp),
            (Amount::Commands(7), Duration::from_secs(120))
        );
        assert_eq!(
            (plan.format, plan.pid, plan.seed),
            (Format::Json, Some(3), 9)
        );
        assert_eq!(plan.login.user, b"bob");
        assert!(parse(&["./bench".into()]).unwrap().is_none());
        assert!(parse(&[]).unwrap().is_none());
    }

    #[test]
    fn wrong_options_are_named_with_the_remedy() {
        for (text, expected) in [
            ("", "bench needs the URL of a server"),
            ("ftp://h x", "unexpected argument \"x\""),
            (
                "http://ann:secret@h",
                "bench: the URL is wrong: it has none of the schemes",
            ),
            ("ftpes://h", "bench speaks no TLS yet"),
            (
                "ftp://h --depth 0",
                "--depth: invalid value '0'; use a number from 1 to 1024",
            ),
            (
                "ftp://h --connections x",
                "--connections: invalid value 'x'; use a number from 1 to 50000",
            ),
            (
                "ftp://h --duration 10",
                "--duration: invalid value '10'; use a time such as 500ms",
            ),
            ("ftp://h --duration 25h", "--duration: invalid value '25h'"),
            (
                "ftp://h --rate 0",
                "--rate: invalid value '0'; use commands per second",
            ),
            ("ftp://h --rate NaN", "--rate: invalid value 'NaN'"),
            ("ftp://h --workload rate", "--workload rate needs --rate"),
            (
                "ftp://h --workload idle --rate 1",
                "--rate is for --workload rate only",
            ),
            (
                "ftp://h --workload x",
                "--workload: invalid value 'x'; use noop, rate, login or idle",
            ),
            (
                "ftp://h --nonsense",
                "bench: unknown option --nonsense; bench --help lists",
            ),
            ("ftp://h --hdr", "missing argument for option '--hdr'"),
            (
                "ftp://h --pid x",
                "--pid: invalid value 'x'; use the number of a process",
            ),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = line("a\nDELE x".into(), "user").unwrap_err();
        assert!(
            error.starts_with("--user: it has a CR, LF or NUL"),
            "{error}"
        );
    }
}
