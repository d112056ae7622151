//! Runs the event command in a worker process of a helper (privilege separation), as the sandbox does not let
//! the server execute programs.
//!
//! The program and its time-out are arguments of the helper, fixed before the server accepts a client. A
//! request has only environment variables, and the worker takes only those with our prefix, so that an
//! attacker who controls the server cannot set `LD_PRELOAD` or `PATH`. The answer is how the program ended.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use super::command::{self, CommandEnd, PREFIX, Variables};
use crate::cause::cause;
use crate::limits::{EVENT_COMMANDS_MAX, EVENT_KILL_MARGIN, WORKER_NICENESS};
use crate::privsep::{Helper, Role, write_to_stderr};

/// The event helper process and its workers.
pub(crate) const ROLE: Role = Role {
    name: "mioftpd: event helper",
    worker: "mioftpd: event",
    // A worker that has answered may still exist when its thread sends the next request.
    at_once: 2 * EVENT_COMMANDS_MAX,
};

/// Starts the event helper process, which runs `command` as the user `run_as` for at most `time`.
pub(crate) fn start(run_as: OsString, command: &[OsString], time: Duration) -> io::Result<Helper> {
    let time = OsString::from(time.as_millis().to_string());
    Helper::start(&ROLE, &[&[run_as, time], command].concat())
}

/// Has a worker run the program, and blocks until it ends, at most for `time` and [`EVENT_KILL_MARGIN`].
pub(super) fn ask(
    privsep: &Helper,
    variables: &Variables,
    time: Duration,
) -> io::Result<CommandEnd> {
    let answer = privsep.ask(&encode(variables), time + EVENT_KILL_MARGIN)?;
    decode_end(&answer)
}

pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match run_once(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_to_stderr(ROLE.worker, &cause(&error));
            ExitCode::FAILURE
        }
    }
}

fn run_once(arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    // Below the event loop, as all worker threads are; the program inherits it.
    let _ = rustix::process::setpriority_process(None, WORKER_NICENESS);
    let mut arguments = arguments.skip(1);
    let time = arguments.next();
    let time = time.and_then(|time| time.to_str()?.parse().ok());
    let time = Duration::from_millis(time.ok_or(io::ErrorKind::InvalidInput)?);
    let command: Vec<OsString> = arguments.collect();
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    let end = command::run(&command, &decode(&request), time);
    io::stdout().write_all(encode_end(&end).as_bytes())
}

/// Each variable as `NAME=VALUE` and a NUL, as in environ(7).
fn encode(variables: &Variables) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in variables {
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// Parses variables; drops those without our prefix, which could change what the program does.
fn decode(bytes: &[u8]) -> Variables {
    let one = |bytes: &[u8]| {
        let at = bytes.iter().position(|&b| b == b'=')?;
        let (name, value) = bytes.split_at_checked(at)?;
        let name = str::from_utf8(name)
            .ok()
            .filter(|name| name.starts_with(PREFIX))?;
        let value = OsString::from_vec(value.get(1..)?.to_vec());
        Some((name.to_owned(), value))
    };
    bytes.split(|&b| b == 0).filter_map(one).collect()
}

fn encode_end(end: &io::Result<CommandEnd>) -> String {
    match end {
        Ok(CommandEnd::Exited(status)) => format!("exited {}", status.into_raw()),
        Ok(CommandEnd::TimedOut) => "timed out".to_owned(),
        Err(error) => format!("not run: {}", cause(error)),
    }
}

fn decode_end(answer: &[u8]) -> io::Result<CommandEnd> {
    let text = OsStr::from_bytes(answer).to_string_lossy();
    if text == "timed out" {
        return Ok(CommandEnd::TimedOut);
    }
    let status = text
        .strip_prefix("exited ")
        .and_then(|raw| raw.parse().ok());
    match status {
        Some(raw) => Ok(CommandEnd::Exited(ExitStatus::from_raw(raw))),
        None => Err(io::Error::other(text.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_with_our_prefix_are_decoded() {
        let ours = |name: &str, value: &[u8]| (name.to_owned(), OsString::from_vec(value.to_vec()));
        let variables = vec![
            ours("MIOFTPD_PATH", b"/a=b \xff\n"),
            ours("MIOFTPD_BYTES", b""),
        ];
        let mut bytes = encode(&variables);
        assert_eq!(decode(&bytes), variables);
        for name in ["LD_PRELOAD", "PATH", "", "MIOFTPD"] {
            bytes.extend(encode(&vec![ours(name, b"x")]));
        }
        bytes.extend(b"MIOFTPD_NOTHING\0");
        assert_eq!(decode(&bytes), variables);
        assert_eq!(decode(b""), []);
    }

    #[test]
    fn command_end_survives_encode_and_decode() {
        for raw in [0, 256, 9] {
            let status = ExitStatus::from_raw(raw);
            let answer = encode_end(&Ok(CommandEnd::Exited(status)));
            let end = decode_end(answer.as_bytes()).unwrap();
            assert!(
                matches!(end, CommandEnd::Exited(decoded) if decoded == status),
                "{end:?}"
            );
        }
        let late = encode_end(&Ok(CommandEnd::TimedOut));
        assert!(matches!(
            decode_end(late.as_bytes()),
            Ok(CommandEnd::TimedOut)
        ));
        let missing = encode_end(&Err(io::ErrorKind::NotFound.into()));
        let error = decode_end(missing.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "not run: entity not found");
        assert!(decode_end(b"exited early").is_err());
    }
}
