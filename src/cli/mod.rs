//! The command line: what was typed, and what it means.
//!
//! Every mistake is answered with the option that is wrong and what would be right. It opens
//! nothing but a password file, and starts nothing.

mod tls;

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::prelude::*;
use log::LevelFilter;
use mioftpd::auth::{self, Account, Accounts, Password, Permissions, is_anonymous};
use mioftpd::config::Config;
use mioftpd::net::PassiveHost;
use mioftpd::protocol::charset::{self, Charset};
use mioftpd::protocol::zone::Zone;
use mioftpd::sandbox::RunAs;
use mioftpd::storage::Umask;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A small FTP server on one thread.

Usage: mioftpd [OPTIONS] [DIR]

  DIR  The directory to serve. Without one, only the control connection is
       served: NOOP and QUIT are answered, and no other command is implemented.

Options:
  -l, --listen ADDR:PORT         Listen here; may be given again; port 0 lets the system
                                 choose [default: [::]:21000 and 0.0.0.0:21000]
  -w, --writable                 Anonymous clients may write
  -u, --user NAME                Only NAME may log in, and may read and write
      --password-file FILE       Where its password is, on the first line
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
      --allow-fxp                Data connections to other hosts than the client's too:
                                 for transfers between servers; see RFC 2577 first
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

/// The variable that a password may be in.
const PASSWORD_VARIABLE: &str = "MIOFTPD_PASSWORD";

const WORKERS_MAX: usize = 64;

/// What is to be done.
pub(crate) enum Action {
    Serve(Box<Config>, LevelFilter),
    HashPassword,
    Help,
    Version,
}

/// What is wrong with the command line, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for Usage {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// What was typed, before it is known whether it fits together.
#[allow(clippy::struct_excessive_bools, reason = "a switch is one")]
#[derive(Default)]
struct Typed {
    listen: Vec<SocketAddr>,
    root: Option<PathBuf>,
    writable: bool,
    user: Option<Vec<u8>>,
    password_file: Option<PathBuf>,
    anonymous: bool,
    passive_ports: Option<RangeInclusive<u16>>,
    passive_address: Option<PassiveHost>,
    zone: Zone,
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
) -> Result<Action, Usage> {
    let mut typed = Typed::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Action::Help),
            Short('V') | Long("version") => return Ok(Action::Version),
            Long("hash-password") if !auth::IS_BUILT_IN => {
                let why = auth::BadHash::NotBuiltIn;
                return Err(Usage(format!("--hash-password: {why}")));
            }
            Long("hash-password") => return Ok(Action::HashPassword),
            Short('w') | Long("writable") => typed.writable = true,
            Long("anonymous") => typed.anonymous = true,
            Long("allow-fxp") => typed.allow_fxp = true,
            Long("allow-combine") => typed.allow_combine = true,
            Long("no-sandbox") => typed.no_sandbox = true,
            Value(root) if typed.root.is_none() => typed.root = Some(root.into()),
            Value(root) => {
                let root = root.display();
                return Err(Usage(format!("one DIR is served, so what is '{root}'?")));
            }
            option => typed.take(&option_name(&option)?, &mut parser)?,
        }
    }
    typed.config(password)
}

fn option_name(argument: &lexopt::Arg<'_>) -> Result<String, Usage> {
    match argument {
        Short('l') => Ok("listen".to_owned()),
        Short('u') => Ok("user".to_owned()),
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
                self.passive_address = Some(value(parser, name, what)?);
            }
            "time-zone" => self.zone = value(parser, name, "UTC, or an offset as in +02:00")?,
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
                if count > WORKERS_MAX {
                    return Err(Usage(format!(
                        "--workers takes a number from 0 to 64, not {count}"
                    )));
                }
                self.workers = Some(count);
            }
            "umask" => {
                let Octal(umask) = value(parser, name, "an octal number up to 777, as in 027")?;
                self.umask = Some(umask);
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

    /// What was typed to no effect was meant otherwise.
    fn check(&self) -> Result<(), Usage> {
        let wrong = |text: &str| Err(Usage(text.to_owned()));
        let is_for_files = self.writable || self.anonymous || self.user.is_some();
        if is_for_files && self.root.is_none() {
            return wrong("--writable, --user and --anonymous go with a DIR to serve");
        }
        if self.writable && self.user.is_some() && !self.anonymous {
            return wrong(
                "--writable is for anonymous clients: add --anonymous, or leave it out; --user may write",
            );
        }
        if self.user.as_deref().is_some_and(is_anonymous) {
            return wrong("--user takes another name: 'anonymous' and 'ftp' take any password");
        }
        Ok(())
    }

    /// Sees whether it fits together.
    fn config(self, password: Option<OsString>) -> Result<Action, Usage> {
        self.check()?;
        let serves = self.root.is_some();
        let mut config = Config {
            listen: self.listen,
            root: self.root,
            passive_ports: self.passive_ports,
            passive_address: self.passive_address,
            zone: self.zone,
            charset: self.charset,
            allow_fxp: self.allow_fxp,
            allow_combine: self.allow_combine,
            tls: self.tls.config(serves)?,
            umask: self.umask,
            run_as: self.run_as,
            sandbox: !self.no_sandbox,
            ..Config::default()
        };
        if let Some(workers) = self.workers {
            config.workers = workers;
        }
        let permissions = if self.writable {
            Permissions::ALL
        } else {
            Permissions::READ
        };
        config.accounts = Accounts::new();
        if self.anonymous || self.user.is_none() {
            config.accounts.add(Account::anonymous(permissions));
        }
        let named = match (self.user, self.password_file) {
            (Some(name), file) if !name.is_empty() => {
                let password = find_password(file, password)?;
                Some(Account::with_password(name, password))
            }
            (Some(_), _) => return Err(Usage("--user takes a name".to_owned())),
            (None, Some(_)) => {
                return Err(Usage("--password-file goes with --user NAME".to_owned()));
            }
            (None, None) => None,
        };
        config.accounts.extend(named);
        let level = self.log.unwrap_or(LevelFilter::Info);
        Ok(Action::Serve(Box::new(config), level))
    }
}

fn value<T: FromStr>(parser: &mut lexopt::Parser, name: &str, what: &str) -> Result<T, Usage> {
    let typed = parser.value()?;
    let parsed = typed.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Usage(format!("--{name} takes {what}, not '{}'", typed.display())))
}

fn log_level(typed: &std::ffi::OsStr) -> Result<LevelFilter, Usage> {
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
        let (first, last) = text.split_once('-').ok_or(())?;
        let (first, last): (u16, u16) = (first.parse().or(Err(()))?, last.parse().or(Err(()))?);
        (first >= 1 && first <= last)
            .then_some(Self(first..=last))
            .ok_or(())
    }
}

/// Permissions as chmod(1) has them.
struct Octal(Umask);

impl FromStr for Octal {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let bits = u16::from_str_radix(text, 8).or(Err(()))?;
        let umask = Umask::new(bits).filter(|_| digits);
        umask.map(Self).ok_or(())
    }
}

/// From the file, or else from the environment; never from the command line, which everybody on
/// the machine can read.
fn find_password(file: Option<PathBuf>, variable: Option<OsString>) -> Result<Password, Usage> {
    let (password, origin) = match (file, variable) {
        (Some(path), _) => {
            let text = fs::read(&path)
                .map_err(|error| Usage(format!("--password-file {}: {error}", path.display())))?;
            let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            (line.to_vec(), format!("--password-file {}", path.display()))
        }
        (None, Some(variable)) => (variable.into_vec(), PASSWORD_VARIABLE.to_owned()),
        (None, None) => {
            return Err(Usage(format!(
                "--user needs a password, in {PASSWORD_VARIABLE} or in --password-file FILE"
            )));
        }
    };
    if password.is_empty() {
        return Err(Usage(format!("{origin}: the password is empty")));
    }
    Ok(Password::new(password))
}
