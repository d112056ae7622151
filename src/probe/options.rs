//! The options of `mioftpd probe`.
//!
//! An error names the option, the value and what it takes. Nothing is looked up or connected here.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use super::{Probe, Run};
use crate::bench::url::{Protection, ServerUrl};
use crate::bench::values::{line, time, url};

/// The longest time of any option.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// The options that have a value.
const VALUED: &[&str] = &[
    "write", "idle", "timeout", "max-time", "user", "password", "ca",
];

/// What `mioftpd probe --help` prints.
pub(super) const HELP: &str = "\
Say what is wrong with an FTP server, as its clients see it: any server.

Usage: mioftpd probe URL [OPTIONS]

  URL  ftp://[USER[:PASSWORD]@]HOST[:PORT][/PATH], ftpes:// for AUTH TLS, ftps:// for implicit TLS;
       without a user anonymous; PATH is a file or a directory to read

      --tls                AUTH TLS, as ftpes://
      --write DIR          Check uploads too, in a new directory in DIR, which is removed at the end
      --active             Use active data connections (PORT, EPRT)
      --idle TIME          At the end stay silent for this long, such as 5m, and see what happens
      --timeout TIME       What the server may take for a reply [default: 10s]
      --max-time TIME      Begin no further check after this time [default: 5m]
      --user NAME, --password PASSWORD  Instead of those in the URL
      --ca FILE            Trust the authorities in FILE (PEM) instead of those of this host
      --insecure           Send the password even if the certificate is not trusted
      --json               Print one JSON object
  -h, --help               Print this

With a password and a server that has TLS, the login is by TLS. Nothing is written without --write.
Exit codes: 0 nothing worse than notes, 1 no server or no answer, 2 usage, 3 warnings, 4 errors.
";

/// What the operator asks for.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// The server, and the path of a file or directory to read.
    pub(super) url: ServerUrl,
    /// The name of the login.
    pub(super) user: Vec<u8>,
    /// The password of the login.
    pub(super) password: Vec<u8>,
    /// A certificate that is not trusted is only a note, and gets the password.
    pub(super) is_insecure: bool,
    /// Trust these authorities, in place of those of the system.
    pub(super) ca: Option<PathBuf>,
    /// The directory in which files may be written.
    pub(super) write: Option<Vec<u8>>,
    /// Use active data connections.
    pub(super) is_active: bool,
    /// How long a session is left alone.
    pub(super) idle: Option<Duration>,
    /// The time-out of each call.
    pub(super) timeout: Duration,
    /// After this time no further check begins.
    pub(super) max_time: Duration,
    /// Print JSON.
    pub(super) is_json: bool,
}

/// What these arguments ask for; `None` if the first of them is not `probe`.
///
/// # Errors
/// In words: the option, the value and the remedy.
pub(super) fn parse(arguments: &[OsString]) -> Result<Option<Probe>, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    match parser.next() {
        Ok(Some(Value(name))) if name == "probe" => {}
        _ => return Ok(None),
    }
    let mut draft = Draft::default();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let name = match argument {
            Short('h') | Long("help") => return Ok(Some(Probe::Help)),
            Long(name) => name.to_owned(),
            Value(text) if draft.url.is_none() => {
                draft.url = Some(url(&text, "probe")?);
                continue;
            }
            other => return Err(other.unexpected().to_string()),
        };
        draft.take(&name, &mut parser)?;
    }
    let options = draft.finish()?;
    Ok(Some(Probe::Run(Box::new(Run(options)))))
}

/// What was said so far.
#[derive(Default)]
struct Draft {
    url: Option<ServerUrl>,
    user: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
    ca: Option<PathBuf>,
    write: Option<Vec<u8>>,
    idle: Option<Duration>,
    timeout: Option<Duration>,
    max_time: Option<Duration>,
    switches: Vec<String>,
}

impl Draft {
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), String> {
        if ["tls", "active", "insecure", "json"].contains(&name) {
            self.switches.push(name.to_owned());
            return Ok(());
        }
        if !VALUED.contains(&name) {
            let remedy = "probe --help lists the options";
            return Err(format!("probe: unknown option --{name}; {remedy}"));
        }
        let value = parser.value().map_err(|error| error.to_string())?;
        match name {
            "write" => self.write = Some(line(value, name)?),
            "user" => self.user = Some(line(value, name)?),
            "password" => self.password = Some(line(value, name)?),
            "idle" => self.idle = Some(time_out(&value, name)?),
            "timeout" => self.timeout = Some(time_out(&value, name)?),
            "max-time" => self.max_time = Some(time_out(&value, name)?),
            _ => self.ca = Some(value.into()),
        }
        Ok(())
    }

    fn finish(self) -> Result<Options, String> {
        let example = "probe needs the URL of a server, such as ftp://127.0.0.1:2121";
        let mut url = self.url.ok_or(example)?;
        let has = |name: &str| self.switches.iter().any(|switch| switch == name);
        if has("tls") && url.protection == Protection::Clear {
            url.protection = Protection::Explicit;
        }
        let user = self.user.or_else(|| url.user.clone());
        let password = self.password.or_else(|| url.password.clone());
        Ok(Options {
            user: user.unwrap_or_else(|| b"anonymous".to_vec()),
            password: password.unwrap_or_else(|| b"probe@".to_vec()),
            is_insecure: has("insecure"),
            ca: self.ca,
            write: self.write,
            is_active: has("active"),
            idle: self.idle,
            timeout: self.timeout.unwrap_or(Duration::from_secs(10)),
            max_time: self.max_time.unwrap_or(Duration::from_secs(300)),
            is_json: has("json"),
            url,
        })
    }
}

/// A time above zero, up to [`LONGEST`].
fn time_out(value: &OsStr, name: &str) -> Result<Duration, String> {
    let time = time(value).filter(|time| !time.is_zero() && *time <= LONGEST);
    let wrong = || {
        let value = value.display();
        format!("--{name}: invalid value '{value}'; use a time such as 500ms, 10s or 5m, up to 2h")
    };
    time.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Options, String> {
        let arguments = text.split_whitespace().map(OsString::from);
        let arguments: Vec<_> = ["probe".into()].into_iter().chain(arguments).collect();
        match parse(&arguments)?.unwrap() {
            Probe::Run(run) => Ok(run.0),
            Probe::Help => panic!("help"),
        }
    }

    #[test]
    fn options_are_read_and_have_defaults() {
        let options = parsed("ftp://h").unwrap();
        assert_eq!(options.user, b"anonymous");
        assert_eq!(options.timeout, Duration::from_secs(10));
        assert!(!options.is_insecure && !options.is_active && !options.is_json);
        let options = parsed(
            "ftp://ann:x@h --tls --write /up --active --idle 5m --timeout 500ms --max-time 1m --user bob \
             --insecure --ca f.pem --json",
        )
        .unwrap();
        assert_eq!(options.url.protection, Protection::Explicit);
        assert_eq!(
            (options.user.as_slice(), options.password.as_slice()),
            (&b"bob"[..], &b"x"[..])
        );
        assert_eq!(options.write.as_deref(), Some(&b"/up"[..]));
        assert_eq!(options.idle, Some(Duration::from_secs(300)));
        assert_eq!(options.timeout, Duration::from_millis(500));
        assert_eq!(options.max_time, Duration::from_secs(60));
        assert!(options.is_insecure && options.is_active && options.is_json);
        assert!(parse(&["./probe".into()]).unwrap().is_none());
        assert!(parse(&[]).unwrap().is_none());
    }

    #[test]
    fn wrong_options_are_named_with_the_remedy() {
        for (text, expected) in [
            ("", "probe needs the URL of a server"),
            ("ftp://h x", "unexpected argument \"x\""),
            (
                "http://ann:secret@h",
                "probe: the URL is wrong: it has none of the schemes",
            ),
            (
                "ftp://h --timeout 0s",
                "--timeout: invalid value '0s'; use a time",
            ),
            ("ftp://h --timeout 10", "--timeout: invalid value '10'"),
            (
                "ftp://h --idle 99999999999999999999h",
                "--idle: invalid value",
            ),
            (
                "ftp://h --nonsense",
                "probe: unknown option --nonsense; probe --help lists",
            ),
            ("ftp://h --write", "missing argument for option '--write'"),
            (
                "ftp://h --json=x",
                "unexpected argument for option '--json'",
            ),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
