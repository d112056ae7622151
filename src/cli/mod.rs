//! The command line: what was typed, and what it means.
//!
//! Every mistake is answered with the option that is wrong and what would be right. It opens
//! nothing but the configuration file and what passwords are in, and starts nothing.

mod layers;
mod tls;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::str::FromStr;

pub(crate) use layers::{CliArgs, Resolved};
use lexopt::prelude::*;
use log::LevelFilter;
use mioftpd::limits::WORKERS;
use mioftpd::net::{BadPassiveHost, PassiveHost};
use mioftpd::protocol::charset::{self, Charset};
use mioftpd::protocol::zone::Zone;
use mioftpd::sandbox::RunAs;
use mioftpd::storage::Umask;
use mioftpd::{auth, config};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A small FTP server on one thread.

Usage: mioftpd [OPTIONS] [DIR]

  DIR  The directory to serve. Without one, only the control connection is
       served: NOOP and QUIT are answered, and no other command is implemented.

Options:
  -c, --config FILE              Read a configuration file, TOML; options and DIR win over it
      --example-config           Print one with every key, its default and what it is for
      --check                    Print what would be in force, and say what would go wrong
                                 at a start: exit code 0, 1, or 2 for what cannot be meant
  -l, --listen ADDR:PORT         Listen here; may be given again; port 0 lets the system
                                 choose [default: [::]:21000 and 0.0.0.0:21000]
  -w, --writable                 Anonymous clients may write
  -u, --user NAME                Only NAME may log in, and may read and write
      --password-file FILE       Where its password is, or the hash of it, on the first line
                                 [default: the variable MIOFTPD_PASSWORD]
      --anonymous                Anonymous clients may log in beside --user
      --hash-password            Read a password, print what to keep instead of it: its
                                 argon2id hash
      --passive-ports FIRST-LAST Ports for data connections [default: any]
      --passive-address HOST     What PASV tells clients: an IPv4 address, or a name that is
                                 looked up; not those with private addresses, unless it is one
                                 [default: where they connected to]
      --time-zone OFFSET         Of the dates in LIST, as in +02:00 [default: UTC]
      --charset NAME             Of names, for clients older than UTF-8, as in gbk; needs a
                                 build with the Cargo feature charset [default: none]
      --allow-fxp                Data connections of --user to other hosts than the client's
                                 too: for transfers between servers; see RFC 2577 first
      --allow-combine            Serve COMB, which puts files together for clients that
                                 upload in parts, and removes the parts
      --tls-cert FILE            The certificate, PEM, with its chain; AUTH TLS works then
      --tls-key FILE             Its private key, PEM
      --tls-self-signed          Make a certificate, and print its fingerprint
      --state-dir DIR            Keep the one that was made here for the next start
      --tls-listen ADDR:PORT     TLS begins at once here (implicit FTPS, 990); may be given
                                 again; without --listen it is the only way in
      --tls-require WHAT         What is refused without TLS: none; login: with a password;
                                 control: any; data: and data connections [default: none]
      --tls-data-session WHAT    Data connections resume the session of their control
                                 connection: off, observe (log) or require [default: observe]
      --tls-client-ca FILE       Who signs clients' certificates, PEM; they may show one
      --tls-client-required      They must
      --tls-client-login         One that names --user in its common name needs no password
      --tls-allow-ccc            Clients may go back to clear text after the login
      --workers N                Threads for the disk; 0 for none, up to 64 [default: 2]
      --umask MODE               Permissions that new files do not get, as in 027
                                 [default: as it is started]
      --run-as USER[:GROUP]      Started as root, it becomes this user once it listens
      --no-sandbox               May open and call what the system lets it, not only what a
                                 server needs
      --log LEVEL                error, warn, info, debug or trace [default: info]
  -h, --help                     Print this
  -V, --version                  Print the version
";

/// What is to be done.
pub(crate) enum Invocation {
    Serve(Resolved, Box<CliArgs>),
    Check(Resolved),
    Example,
    HashPassword,
    Help,
    Version,
}

/// What is wrong with the command line, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage(String);

impl From<lexopt::Error> for Usage {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// Why nothing is to be done.
pub(crate) enum Failure {
    /// What was typed, or is in the file, cannot be meant.
    Wrong(String),
    /// The file cannot be read.
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "no file is read"))]
    Unreadable(String),
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self::Wrong(usage.0)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

/// What was typed, before it is known whether it fits together.
#[allow(clippy::struct_excessive_bools, reason = "a switch is one")]
#[derive(Clone, Default)]
struct Typed {
    /// All that were typed, by their long names; DIR for what has none.
    options: Vec<String>,
    file: Option<PathBuf>,
    check: bool,
    listen: Vec<SocketAddr>,
    root: Option<PathBuf>,
    writable: bool,
    user: Option<Vec<u8>>,
    password_file: Option<PathBuf>,
    anonymous: bool,
    passive_ports: Option<RangeInclusive<u16>>,
    passive_address: Option<PassiveHost>,
    zone: Option<Zone>,
    charset: Option<Charset>,
    allow_fxp: bool,
    allow_combine: bool,
    tls: tls::Typed,
    workers: Option<usize>,
    umask: Option<Umask>,
    run_as: Option<RunAs>,
    no_sandbox: bool,
    log: Option<LevelFilter>,
}

/// Reads the arguments; `password` is what the environment says.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    password: Option<OsString>,
) -> Result<Invocation, Failure> {
    let mut typed = Typed::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        let name = match &argument {
            Value(_) => "DIR".to_owned(),
            option => option_name(option)?,
        };
        typed.options.push(name.clone());
        match argument {
            Short('h') | Long("help") => return Ok(Invocation::Help),
            Short('V') | Long("version") => return Ok(Invocation::Version),
            Long("example-config") if layers::HAS_FILES => return Ok(Invocation::Example),
            Long("check") if layers::HAS_FILES => typed.check = true,
            Long("hash-password") if !auth::IS_BUILT_IN => {
                let why = auth::BadHash::NotBuiltIn;
                return Err(Usage(format!("--hash-password: {why}")).into());
            }
            Long("hash-password") => return Ok(Invocation::HashPassword),
            Short('w') | Long("writable") => typed.writable = true,
            Long("anonymous") => typed.anonymous = true,
            Long("allow-fxp") => typed.allow_fxp = true,
            Long("allow-combine") => typed.allow_combine = true,
            Long("no-sandbox") => typed.no_sandbox = true,
            Value(root) if typed.root.is_none() => typed.root = Some(root.into()),
            Value(root) => {
                let root = root.display();
                let text = format!("one DIR is served, so what is '{root}'?");
                return Err(Usage(text).into());
            }
            _ => typed.take(&name, &mut parser)?,
        }
    }
    let args = CliArgs { typed, password };
    let start = args.start()?;
    Ok(if args.typed.check {
        Invocation::Check(start)
    } else {
        Invocation::Serve(start, Box::new(args))
    })
}

fn option_name(argument: &lexopt::Arg<'_>) -> Result<String, Usage> {
    match argument {
        Short('c') => Ok("config".to_owned()),
        Short('l') => Ok("listen".to_owned()),
        Short('u') => Ok("user".to_owned()),
        Short('w') => Ok("writable".to_owned()),
        Short('h') => Ok("help".to_owned()),
        Short('V') => Ok("version".to_owned()),
        Long(name) => Ok((*name).to_owned()),
        Short(letter) => Err(Usage(format!(
            "no such option: -{letter}; --help lists them"
        ))),
        Value(value) => Err(Usage(format!("what is '{}'?", value.display()))),
    }
}

impl Typed {
    /// Takes an option that has a value, or is about TLS.
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), Usage> {
        if self.tls.take(name, parser)? {
            return Ok(());
        }
        match name {
            "config" | "check" | "example-config" if !layers::HAS_FILES => {
                return Err(Usage(format!(
                    "--{name}: this build reads no file; build it with --features config"
                )));
            }
            "config" => self.file = Some(parser.value()?.into()),
            "listen" => self.listen.push(value(
                parser,
                name,
                "ADDR:PORT, as in 127.0.0.1:21000 or [::1]:21000",
            )?),
            "user" => self.user = Some(parser.value()?.into_vec()),
            "password-file" => self.password_file = Some(parser.value()?.into()),
            "passive-ports" => {
                let what = "FIRST-LAST, as in 50000-50100, from 1 to 65535";
                let Ports(range) = value(parser, name, what)?;
                self.passive_ports = Some(range);
            }
            "passive-address" => {
                let what = "an IPv4 address or a name, as in 203.0.113.7 or ftp.example.com";
                let typed = parser.value()?;
                let host = typed.to_string_lossy().parse();
                self.passive_address = Some(host.map_err(|error| match error {
                    BadPassiveHost::Neither => wrong_value(name, what, &typed),
                    BadPassiveHost::Unusable(_) => Usage(format!("--{name}: {error}")),
                })?);
            }
            "time-zone" => {
                self.zone = Some(value(parser, name, "UTC, or an offset as in +02:00")?);
            }
            "charset" if !charset::IS_BUILT_IN => {
                let text = "--charset: this build has none; build it with --features charset";
                return Err(Usage(text.to_owned()));
            }
            "charset" => {
                let what = "a name of the WHATWG Encoding Standard, as in gbk or windows-1252";
                self.charset = Some(value(parser, name, what)?);
            }
            "workers" => {
                let count = value(parser, name, "a number from 0 to 64")?;
                if count > WORKERS {
                    return Err(Usage(format!(
                        "--workers takes a number from 0 to 64, not {count}"
                    )));
                }
                self.workers = Some(count);
            }
            "umask" => {
                self.umask = Some(value(parser, name, "an octal number up to 777, as in 027")?);
            }
            "run-as" => self.run_as = Some(value(parser, name, "USER or USER:GROUP")?),
            "log" => self.log = Some(log_level(&parser.value()?)?),
            _ => {
                return Err(Usage(format!(
                    "no such option: --{name}; --help lists them"
                )));
            }
        }
        Ok(())
    }
}

fn value<T: FromStr>(parser: &mut lexopt::Parser, name: &str, what: &str) -> Result<T, Usage> {
    let typed = parser.value()?;
    let parsed = typed.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| wrong_value(name, what, &typed))
}

fn wrong_value(name: &str, what: &str, typed: &OsStr) -> Usage {
    Usage(format!("--{name} takes {what}, not '{}'", typed.display()))
}

fn log_level(typed: &OsStr) -> Result<LevelFilter, Usage> {
    match typed.to_str() {
        Some("error") => Ok(LevelFilter::Error),
        Some("warn") => Ok(LevelFilter::Warn),
        Some("info") => Ok(LevelFilter::Info),
        Some("debug") => Ok(LevelFilter::Debug),
        Some("trace") => Ok(LevelFilter::Trace),
        _ => Err(Usage(format!(
            "--log takes error, warn, info, debug or trace, not '{}'",
            typed.display()
        ))),
    }
}

/// Ports as they are typed, FIRST-LAST.
struct Ports(RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        config::read_ports(text).map(Self).ok_or(())
    }
}
