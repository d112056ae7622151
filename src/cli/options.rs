//! The options, and what each sets.
//!
//! Most set a key of the configuration, which then overrides the file. The options for accounts replace all
//! accounts of the file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;
use mioftpd::internals::cause::cause;
use mioftpd::internals::config::Words;
use mioftpd::internals::limits::{BUSY_POLL_MAX, WORKERS};
use mioftpd::internals::net::LOOKS_UP_NAMES;
use mioftpd::internals::protocol::charset;
use mioftpd::internals::{auth, config};
use mioftpd::{ConfigDraft, PassiveHost, PassiveHostError, Syslog};

use super::{Failure, Invocation};

/// Whether this build reads configuration files.
const READS_FILES: bool = cfg!(feature = "settings");

/// Whether it also prints them.
const PRINTS_FILES: bool = cfg!(feature = "config");

/// Whether it records traces.
const TRACES: bool = cfg!(feature = "status");

/// Whether this build runs in the background, by inetd, and with syslog.
const HAS_DAEMON: bool = cfg!(feature = "daemon");

/// The options that have been read.
#[derive(Default)]
pub(super) struct Options {
    /// The configuration that they override.
    pub(super) draft: ConfigDraft,
    /// The long names of all options; `DIR` for the positional argument.
    pub(super) names: Vec<String>,
    pub(super) file: Option<PathBuf>,
    pub(super) accounts: AccountOptions,
    pub(super) process: ProcessOptions,
}

/// The options for how the process runs. They have no keys: a reload cannot change them.
#[derive(Default)]
pub(crate) struct ProcessOptions {
    pub(crate) daemon: bool,
    pub(crate) pid_file: Option<PathBuf>,
}

/// The options for accounts.
#[derive(Default)]
pub(super) struct AccountOptions {
    pub(super) writable: bool,
    pub(super) anonymous: bool,
    pub(super) user: Option<Vec<u8>>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) allow_fxp: bool,
}

impl Options {
    /// Reads all arguments; returns what to do instead of serving, if an option says so.
    pub(super) fn read(&mut self, arguments: &[OsString]) -> Result<Option<Invocation>, Failure> {
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            let name = match argument {
                Short('h') | Long("help") => return Ok(Some(Invocation::Help)),
                Short('V') | Long("version") => return Ok(Some(Invocation::Version)),
                Long("example-config") if PRINTS_FILES => return Ok(Some(Invocation::Example)),
                Long("hash-password") if auth::IS_BUILT_IN => {
                    let scheme = optional_word(&mut parser, "hash-password")?;
                    return Ok(Some(Invocation::HashPassword(scheme)));
                }
                Short('c') => "config".to_owned(),
                Short('l') => "listen".to_owned(),
                Short('u') => "user".to_owned(),
                Short('w') => "writable".to_owned(),
                Short(letter) => return Err(unknown(&format!("-{letter}"))),
                Long(name) => name.to_owned(),
                Value(root) if self.is_given("DIR") => {
                    let root = root.display();
                    let text = format!("unexpected argument '{root}': only one DIR can be served");
                    return Err(Failure::Invalid(text));
                }
                Value(root) => {
                    self.draft.config.root = Some(absolute(root)?);
                    self.names.push("DIR".to_owned());
                    continue;
                }
            };
            if !self.take_tls(&name, &mut parser)? && !self.take_process(&name, &mut parser)? {
                self.take(&name, &mut parser)?;
            }
            self.names.push(name);
        }
        Ok(None)
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.names.iter().any(|given| given == name)
    }

    /// Stores an option that is not for TLS, and consumes its value.
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), Failure> {
        let (config, accounts) = (&mut self.draft.config, &mut self.accounts);
        match name {
            "config" if !READS_FILES => return Err(not_built_in(name, "settings")),
            "check" | "example-config" if !PRINTS_FILES => {
                return Err(not_built_in(name, "config"));
            }
            "hash-password" => {
                let cause = auth::HashError::NotBuiltIn;
                return Err(Failure::Invalid(format!("--hash-password: {cause}")));
            }
            "config" => self.file = Some(absolute(parser.value()?)?),
            "check" => {}
            "writable" => accounts.writable = true,
            "anonymous" => accounts.anonymous = true,
            "allow-fxp" => accounts.allow_fxp = true,
            "user" => accounts.user = Some(parser.value()?.into_vec()),
            "password-file" => accounts.password_file = Some(absolute(parser.value()?)?),
            "listen" => {
                let takes = "ADDR:PORT such as 127.0.0.1:21000 or [::1]:21000";
                config.listen.push(value(parser, name, takes, parsed)?);
            }
            "passive-ports" => {
                let takes = "FIRST-LAST such as 50000-50100, from 1 to 65535";
                config.passive_ports = Some(value(parser, name, takes, config::read_ports)?);
            }
            "passive-address" => {
                config.passive_address = Some(passive_host(parser, name)?);
            }
            "time-zone" => {
                config.zone = value(parser, name, "UTC, or an offset such as +02:00", parsed)?;
            }
            "charset" if !charset::IS_BUILT_IN => return Err(not_built_in(name, "charset")),
            "charset" => {
                let takes = "a label of the WHATWG Encoding Standard such as gbk or windows-1252";
                config.charset = Some(value(parser, name, takes, parsed)?);
            }
            "allow-combine" => config.allow_combine = true,
            "workers" => {
                let count = |text: &str| text.parse().ok().filter(|count| *count <= WORKERS);
                config.workers = value(parser, name, "a number from 0 to 64", count)?;
            }
            "busy-poll" => {
                let takes = "a time such as 50us or 1ms, up to 1s";
                config.busy_poll = value(parser, name, takes, short_time)?;
            }
            "umask" => {
                let takes = "an octal number up to 777 such as 027";
                config.umask = Some(value(parser, name, takes, parsed)?);
            }
            "run-as" => config.run_as = Some(value(parser, name, "USER or USER:GROUP", parsed)?),
            "trace" | "trace-names" if !TRACES => return Err(not_built_in(name, "status")),
            "trace" => config.trace = Some(absolute(parser.value()?)?),
            "trace-names" => config.trace_names = true,
            "no-sandbox" => config.sandbox = false,
            "reopen" => config.reopen = true,
            "log" => self.draft.log = Some(word(parser, name)?),
            _ => return Err(unknown(&format!("--{name}"))),
        }
        Ok(())
    }

    /// Stores an option for TLS, and consumes its value; false: it is not one of these.
    fn take_tls(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, Failure> {
        let tls = &mut self.draft.tls;
        match name {
            "tls-cert" => tls.certificate = Some(absolute(parser.value()?)?),
            "tls-key" => tls.key = Some(absolute(parser.value()?)?),
            "tls-self-signed" => tls.self_signed = true,
            "state-dir" => tls.state = Some(absolute(parser.value()?)?),
            "tls-listen" => {
                let takes = "ADDR:PORT such as 0.0.0.0:990 or [::]:990";
                tls.listen.push(value(parser, name, takes, parsed)?);
            }
            "tls-require" => tls.policy.require = word(parser, name)?,
            "tls-data-session" => tls.data_session = word(parser, name)?,
            "tls-client-ca" => tls.client_authority = Some(absolute(parser.value()?)?),
            "tls-client-required" => tls.client_required = true,
            "tls-client-login" => tls.policy.certificate_login = true,
            "tls-allow-ccc" => tls.policy.allow_clear = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Stores an option for how the process runs, and consumes its value; false: it is not one of these.
    fn take_process(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, Failure> {
        match name {
            "daemon" | "inetd" | "pid-file" | "syslog" if !HAS_DAEMON => {
                return Err(Failure::Invalid(format!(
                    "--{name}: this build cannot do that; use --features daemon"
                )));
            }
            "daemon" => self.process.daemon = true,
            // The program has taken the connection already.
            "inetd" => {}
            "pid-file" => self.process.pid_file = Some(absolute(parser.value()?)?),
            "syslog" => {
                let socket = parser.optional_value().map(absolute).transpose()?;
                self.draft.config.syslog = Syslog::to(socket);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Removes what these options replace from a configuration: a list, and all keys for the certificate.
    pub(super) fn clear_replaced(&self, draft: &mut ConfigDraft) {
        let ConfigDraft { config, tls, .. } = draft;
        if self.is_given("listen") {
            config.listen.clear();
        }
        if self.is_given("tls-listen") {
            tls.listen.clear();
        }
        let has_files = self.is_given("tls-cert") || self.is_given("tls-key");
        if has_files || self.is_given("tls-self-signed") {
            (tls.certificate, tls.key, tls.names) = (None, None, None);
            tls.self_signed = false;
        }
        if has_files {
            tls.state = None;
        }
    }
}

/// The path from the root: the program may change its directory, and reads files again at a reload.
fn absolute(path: OsString) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(path);
    std::path::absolute(&path).map_err(|error| {
        Failure::Invalid(format!(
            "'{}' is not a path: {}",
            path.display(),
            cause(&error)
        ))
    })
}

/// The value of an option; `takes` describes the valid ones.
fn value<T>(
    parser: &mut lexopt::Parser,
    name: &str,
    takes: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    let text = parser.value()?;
    let parsed = text.to_str().and_then(parse);
    parsed.ok_or_else(|| invalid_value(name, takes, &text))
}

fn word<T: Words>(parser: &mut lexopt::Parser, name: &str) -> Result<T, Failure> {
    value(parser, name, T::LISTED, T::of_word)
}

/// The word behind a `=`, if there is one.
fn optional_word<T: Words>(parser: &mut lexopt::Parser, name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = parser.optional_value() else {
        return Ok(None);
    };
    let word = text.to_str().and_then(T::of_word);
    word.map(Some)
        .ok_or_else(|| invalid_value(name, T::LISTED, &text))
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn passive_host(parser: &mut lexopt::Parser, name: &str) -> Result<PassiveHost, Failure> {
    let takes = "an IPv4 address or a name such as 203.0.113.7 or ftp.example.com";
    let text = parser.value()?;
    match text.to_string_lossy().parse() {
        Ok(PassiveHost::Name(_)) if !LOOKS_UP_NAMES => Err(Failure::Invalid(format!(
            "--{name}: this build looks up no names; use an IPv4 address, or build with --features resolver"
        ))),
        Ok(host) => Ok(host),
        Err(PassiveHostError::Neither) => Err(invalid_value(name, takes, &text)),
        Err(error @ PassiveHostError::Unusable(_)) => {
            Err(Failure::Invalid(format!("--{name}: {error}")))
        }
    }
}

fn short_time(text: &str) -> Option<Duration> {
    let micros = [("us", 1), ("ms", 1000), ("s", 1_000_000)];
    let mut units = micros.iter();
    let (number, unit) = units.find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let micros = number.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_micros(micros)).filter(|time| *time <= BUSY_POLL_MAX)
}

fn invalid_value(name: &str, takes: &str, value: &OsStr) -> Failure {
    let value = value.display();
    Failure::Invalid(format!("--{name}: invalid value '{value}'; use {takes}"))
}

fn not_built_in(name: &str, feature: &str) -> Failure {
    let text = format!("--{name} is not in this build; build it with --features {feature}");
    Failure::Invalid(text)
}

fn unknown(option: &str) -> Failure {
    Failure::Invalid(format!("unknown option {option}; --help lists the options"))
}
