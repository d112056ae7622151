//! Runs the event command beside the server: a process that is told of one upload, runs the program,
//! and says how that ended.
//!
//! The sandbox lets the server run nothing. This process is none of the server's threads, and which
//! program it runs, and for how long, was said before the server had heard of any client: only what
//! the program is told comes from the server, and only as variables that are ours to set.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use super::command::{self, Ended, PREFIX, Variables};
use crate::cause::cause;
use crate::limits::{EVENT_MOST_AT_ONCE, EVENT_SLACK, WORKER_NICENESS};
use crate::privsep::{Helper, Role, complain};

/// The processes that run programs.
pub(crate) const ROLE: Role = Role {
    name: "mioftpd: event helper",
    worker: "mioftpd: event",
    // One that has answered may still be there when its thread has the next upload.
    at_once: 2 * EVENT_MOST_AT_ONCE,
};

/// Starts what runs the program, as the user who `run_as` is.
pub(crate) fn start(run_as: OsString, command: &[OsString], time: Duration) -> io::Result<Helper> {
    let time = OsString::from(time.as_millis().to_string());
    Helper::start(&ROLE, &[&[run_as, time], command].concat())
}

/// Has the program run and waits for its end, which comes within `time`.
pub(super) fn ask(privsep: &Helper, variables: &Variables, time: Duration) -> io::Result<Ended> {
    let answer = privsep.ask(&print(variables), time + EVENT_SLACK)?;
    parse_end(&answer)
}

/// What a worker does.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match run_once(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(ROLE.worker, &cause(&error));
            ExitCode::FAILURE
        }
    }
}

fn run_once(arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    // As with the server's own threads, the loop comes first; the program inherits it.
    let _ = rustix::process::setpriority_process(None, WORKER_NICENESS);
    let mut arguments = arguments.skip(1);
    let time = arguments.next();
    let time = time.and_then(|time| time.to_str()?.parse().ok());
    let time = Duration::from_millis(time.ok_or(io::ErrorKind::InvalidInput)?);
    let command: Vec<OsString> = arguments.collect();
    let mut told = Vec::new();
    io::stdin().read_to_end(&mut told)?;
    let ended = command::run(&command, &parse(&told), time);
    io::stdout().write_all(print_end(&ended).as_bytes())
}

/// Each is `NAME=VALUE` and a NUL, as in an environment.
fn print(variables: &Variables) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in variables {
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// Those that are ours: others could change what the program does.
fn parse(bytes: &[u8]) -> Variables {
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

fn print_end(ended: &io::Result<Ended>) -> String {
    match ended {
        Ok(Ended::By(status)) => format!("by {}", status.into_raw()),
        Ok(Ended::Killed) => "killed".to_owned(),
        Err(error) => format!("not run: {}", cause(error)),
    }
}

fn parse_end(answer: &[u8]) -> io::Result<Ended> {
    let text = OsStr::from_bytes(answer).to_string_lossy();
    if text == "killed" {
        return Ok(Ended::Killed);
    }
    let status = text.strip_prefix("by ").and_then(|raw| raw.parse().ok());
    match status {
        Some(raw) => Ok(Ended::By(ExitStatus::from_raw(raw))),
        None => Err(io::Error::other(text.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_arrives_and_nothing_that_is_not_ours() {
        let ours = |name: &str, value: &[u8]| (name.to_owned(), OsString::from_vec(value.to_vec()));
        let variables = vec![
            ours("MIOFTPD_PATH", b"/a=b \xff\n"),
            ours("MIOFTPD_BYTES", b""),
        ];
        let mut bytes = print(&variables);
        assert_eq!(parse(&bytes), variables);
        for name in ["LD_PRELOAD", "PATH", "", "MIOFTPD"] {
            bytes.extend(print(&vec![ours(name, b"x")]));
        }
        bytes.extend(b"MIOFTPD_NOTHING\0");
        assert_eq!(parse(&bytes), variables);
        assert_eq!(parse(b""), []);
    }

    #[test]
    fn an_end_is_told_as_it_was() {
        for raw in [0, 256, 9] {
            let status = ExitStatus::from_raw(raw);
            let told = print_end(&Ok(Ended::By(status)));
            let heard = parse_end(told.as_bytes()).unwrap();
            assert!(
                matches!(heard, Ended::By(one) if one == status),
                "{heard:?}"
            );
        }
        let killed = print_end(&Ok(Ended::Killed));
        assert!(matches!(parse_end(killed.as_bytes()), Ok(Ended::Killed)));
        let missing = print_end(&Err(io::ErrorKind::NotFound.into()));
        let heard = parse_end(missing.as_bytes()).unwrap_err().to_string();
        assert_eq!(heard, "not run: entity not found");
        assert!(parse_end(b"by the way").is_err());
    }
}
