//! Parses the command line.
//!
//! An error names the option, the value and the remedy. This module opens the configuration file and
//! password files only; it starts nothing.

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
use mioftpd::internals::limits::WORKERS;
use mioftpd::internals::protocol::charset;
use mioftpd::internals::{auth, config};
use mioftpd::sandbox::RunAs;
use mioftpd::{Charset, PassiveHost, PassiveHostError, Umask, Zone};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A small FTP and FTPS server.

Usage: mioftpd [OPTIONS] [DIR]

  DIR  The directory to serve. Without it only the control connection is served:
       NOOP and QUIT are answered, and no other command is implemented.

Options:
  -c, --config FILE              Read a configuration file (TOML); options and DIR override it
      --example-config           Print a configuration file with every key and default, and exit
      --check                    Validate the configuration, print the effective settings, and
                                 exit: 0 valid, 1 would fail at start-up, 2 invalid
  -l, --listen ADDR:PORT         Listen on this address; may be repeated; port 0 means any free
                                 port [default: [::]:21000 and 0.0.0.0:21000]
  -w, --writable                 Allow anonymous clients to write
  -u, --user NAME                Allow logins of NAME only, with read and write access
      --password-file FILE       Read the password of --user, or its hash, from the first line of
                                 FILE [default: the environment variable MIOFTPD_PASSWORD]
      --anonymous                Allow anonymous logins in addition to --user
      --hash-password            Read a password, print its argon2id hash, and exit
      --passive-ports FIRST-LAST Use only these ports for passive data connections [default: any]
      --passive-address HOST     Advertise this IPv4 address, or the address of this name, in PASV
                                 replies (NAT); clients on private networks get the local address,
                                 unless HOST is private too [default: the local address]
      --time-zone OFFSET         Print the dates in LIST in this zone, such as +02:00 [default: UTC]
      --charset NAME             Use this charset, such as gbk, for file names of clients without
                                 UTF-8; needs the Cargo feature charset [default: none]
      --allow-fxp                Allow --user data connections to and from other hosts (FXP), for
                                 transfers between servers; read RFC 2577 first
      --allow-combine            Implement COMB: concatenate files that were uploaded in parts, and
                                 remove the parts
      --tls-cert FILE            Enable TLS (AUTH TLS) with this certificate and its chain (PEM)
      --tls-key FILE             Use this private key (PEM) for --tls-cert
      --tls-self-signed          Enable TLS with a generated certificate, and log its fingerprint
      --state-dir DIR            Keep the generated certificate in DIR across restarts
      --tls-listen ADDR:PORT     Listen for implicit TLS (usual port: 990); may be repeated;
                                 replaces the default of --listen
      --tls-require WHAT         Refuse without TLS: none; login: logins with a password; control:
                                 all logins; data: also data connections [default: none]
      --tls-data-session WHAT    Require data connections to resume the TLS session of their control
                                 connection: off, observe (log only) or require [default: observe]
      --tls-client-ca FILE       Verify client certificates against this CA (PEM)
      --tls-client-required      Refuse clients without a certificate
      --tls-client-login         Accept a certificate with the common name NAME of --user in place
                                 of the password
      --tls-allow-ccc            Allow clients to return to clear text after the login (CCC)
      --workers N                Run N threads for disk operations, 0 to 64 [default: 2]
      --umask MODE               Clear these permission bits on new files, such as 027
                                 [default: inherited]
      --run-as USER[:GROUP]      Switch to this user after listening; needs a start as root
      --no-sandbox               Do not confine the process to the files and system calls it needs
      --log LEVEL                Log error, warn, info, debug or trace [default: info]
  -h, --help                     Print this help
  -V, --version                  Print the version
";

/// The action that the command line selects.
pub(crate) enum Invocation {
    Serve(Resolved, Box<CliArgs>),
    Check(Resolved),
    Example,
    HashPassword,
    Help,
    Version,
}

/// An invalid command line: the message, with the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UsageError(String);

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// The reason that there is no configuration.
pub(crate) enum Failure {
    /// The command line or the file is invalid.
    Invalid(String),
    /// The file cannot be read.
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "no file is read"))]
    Unreadable(String),
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Invalid(error.0)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// The values of the options, before validation.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Default)]
struct Options {
    /// The long names of all options that are given; `DIR` for the positional argument.
    names: Vec<String>,
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
    tls: tls::TlsOptions,
    workers: Option<usize>,
    umask: Option<Umask>,
    run_as: Option<RunAs>,
    no_sandbox: bool,
    log: Option<LevelFilter>,
}

/// Parses the arguments; `password` is the value of the environment variable.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    password: Option<OsString>,
) -> Result<Invocation, Failure> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        let name = match &argument {
            Value(_) => "DIR".to_owned(),
            option => option_name(option)?,
        };
        options.names.push(name.clone());
        match argument {
            Short('h') | Long("help") => return Ok(Invocation::Help),
            Short('V') | Long("version") => return Ok(Invocation::Version),
            Long("example-config") if layers::HAS_FILES => return Ok(Invocation::Example),
            Long("check") if layers::HAS_FILES => options.check = true,
            Long("hash-password") if !auth::IS_BUILT_IN => {
                let cause = auth::HashError::NotBuiltIn;
                return Err(UsageError(format!("--hash-password: {cause}")).into());
            }
            Long("hash-password") => return Ok(Invocation::HashPassword),
            Short('w') | Long("writable") => options.writable = true,
            Long("anonymous") => options.anonymous = true,
            Long("allow-fxp") => options.allow_fxp = true,
            Long("allow-combine") => options.allow_combine = true,
            Long("no-sandbox") => options.no_sandbox = true,
            Value(root) if options.root.is_none() => options.root = Some(root.into()),
            Value(root) => {
                let root = root.display();
                let text = format!("unexpected argument '{root}': only one DIR can be served");
                return Err(UsageError(text).into());
            }
            _ => options.take(&name, &mut parser)?,
        }
    }
    let args = CliArgs { options, password };
    let resolved = args.resolve()?;
    Ok(if args.options.check {
        Invocation::Check(resolved)
    } else {
        Invocation::Serve(resolved, Box::new(args))
    })
}

/// The long name of an option.
fn option_name(argument: &lexopt::Arg<'_>) -> Result<String, UsageError> {
    match argument {
        Short('c') => Ok("config".to_owned()),
        Short('l') => Ok("listen".to_owned()),
        Short('u') => Ok("user".to_owned()),
        Short('w') => Ok("writable".to_owned()),
        Short('h') => Ok("help".to_owned()),
        Short('V') => Ok("version".to_owned()),
        Long(name) => Ok((*name).to_owned()),
        Short(letter) => Err(UsageError(format!(
            "unknown option -{letter}; --help lists the options"
        ))),
        Value(value) => Err(UsageError(format!(
            "unexpected argument '{}'",
            value.display()
        ))),
    }
}

impl Options {
    /// Stores an option that has a value or is for TLS, and consumes the value.
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        if self.tls.take(name, parser)? {
            return Ok(());
        }
        match name {
            "config" | "check" | "example-config" if !layers::HAS_FILES => {
                return Err(UsageError(format!(
                    "--{name}: this build cannot read configuration files; use --features config"
                )));
            }
            "config" => self.file = Some(parser.value()?.into()),
            "listen" => self.listen.push(value(
                parser,
                name,
                "ADDR:PORT such as 127.0.0.1:21000 or [::1]:21000",
            )?),
            "user" => self.user = Some(parser.value()?.into_vec()),
            "password-file" => self.password_file = Some(parser.value()?.into()),
            "passive-ports" => {
                let takes = "FIRST-LAST such as 50000-50100, from 1 to 65535";
                let Ports(range) = value(parser, name, takes)?;
                self.passive_ports = Some(range);
            }
            "passive-address" => {
                let takes = "an IPv4 address or a name such as 203.0.113.7 or ftp.example.com";
                let text = parser.value()?;
                let host = text.to_string_lossy().parse();
                self.passive_address = Some(host.map_err(|error| match error {
                    PassiveHostError::Neither => invalid_value(name, takes, &text),
                    PassiveHostError::Unusable(_) => UsageError(format!("--{name}: {error}")),
                })?);
            }
            "time-zone" => {
                self.zone = Some(value(parser, name, "UTC, or an offset such as +02:00")?);
            }
            "charset" if !charset::IS_BUILT_IN => {
                let text =
                    "--charset: this build supports no charsets; build with --features charset";
                return Err(UsageError(text.to_owned()));
            }
            "charset" => {
                let takes = "a label of the WHATWG Encoding Standard such as gbk or windows-1252";
                self.charset = Some(value(parser, name, takes)?);
            }
            "workers" => {
                let takes = "a number from 0 to 64";
                let text = parser.value()?;
                let count = text.to_str().and_then(|text| text.parse().ok());
                let count = count.filter(|count| *count <= WORKERS);
                self.workers = Some(count.ok_or_else(|| invalid_value(name, takes, &text))?);
            }
            "umask" => {
                let takes = "an octal number up to 777 such as 027";
                self.umask = Some(value(parser, name, takes)?);
            }
            "run-as" => self.run_as = Some(value(parser, name, "USER or USER:GROUP")?),
            "log" => self.log = Some(log_level(&parser.value()?)?),
            _ => {
                return Err(UsageError(format!(
                    "unknown option --{name}; --help lists the options"
                )));
            }
        }
        Ok(())
    }
}

/// The parsed value of an option; `takes` describes the valid ones.
fn value<T: FromStr>(
    parser: &mut lexopt::Parser,
    name: &str,
    takes: &str,
) -> Result<T, UsageError> {
    let text = parser.value()?;
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| invalid_value(name, takes, &text))
}

fn invalid_value(name: &str, takes: &str, value: &OsStr) -> UsageError {
    let value = value.display();
    UsageError(format!("--{name}: invalid value '{value}'; use {takes}"))
}

fn log_level(value: &OsStr) -> Result<LevelFilter, UsageError> {
    match value.to_str() {
        Some("error") => Ok(LevelFilter::Error),
        Some("warn") => Ok(LevelFilter::Warn),
        Some("info") => Ok(LevelFilter::Info),
        Some("debug") => Ok(LevelFilter::Debug),
        Some("trace") => Ok(LevelFilter::Trace),
        _ => Err(invalid_value(
            "log",
            "error, warn, info, debug or trace",
            value,
        )),
    }
}

/// A port range FIRST-LAST.
struct Ports(RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        config::read_ports(text).map(Self).ok_or(())
    }
}
