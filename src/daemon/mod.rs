//! What systems without a service manager expect: a start in the background, and a file with the process id.
//! `inetd` serves one connection on standard input.
//!
//! A process cannot be forked safely, so `--daemon` starts this program again, in a session of its own. The
//! first process shows the messages of the second one, until that listens, and exits with its exit code.
//! Nothing here knows what is served.

mod inetd;
mod pid_file;

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use mioftpd::internals::cause::cause;
use mioftpd::logging::Waiting;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::cli::ProcessOptions;
pub(crate) use inetd::{InetdClient, serve_session};
use pid_file::PidFile;

/// Set in the environment of the process that serves.
const VARIABLE: &str = "MIOFTPD_DAEMON";

/// What the process that serves writes once it is ready; no message contains it.
const READY: u8 = 0;

/// With `--daemon`: has another process serve, and returns the exit code once that is ready or has failed.
/// `None`: this process serves.
pub(crate) fn start_in_background(options: &ProcessOptions) -> Option<ExitCode> {
    if !options.daemon || is_in_background() {
        return None;
    }
    Some(start().unwrap_or_else(|error| {
        crate::print_error(&format_args!(
            "--daemon: cannot start a process: {}",
            cause(&error)
        ));
        ExitCode::FAILURE
    }))
}

fn is_in_background() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

fn start() -> io::Result<ExitCode> {
    let (messages, writer) = io::pipe()?;
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let this = Path::new("/proc/self/exe");
    let program = if this.exists() {
        this.as_os_str()
    } else {
        &name
    };
    let mut command = Command::new(program);
    command
        .arg0(&name)
        .args(arguments)
        .env(VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?);
    if is_file(io::stderr()) {
        drop(writer);
    } else {
        command.stderr(writer);
    }
    let mut server = command.spawn()?;
    // Its copies of the pipe's end.
    drop(command);
    if show(messages)? {
        return Ok(ExitCode::SUCCESS);
    }
    let code = server
        .wait()?
        .code()
        .and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Copies messages to standard error. True: the server is ready; false: it has ended.
fn show(mut messages: PipeReader) -> io::Result<bool> {
    let mut buffer = [0; 1024];
    loop {
        let count = messages.read(&mut buffer)?;
        let text = buffer.get(..count).unwrap_or_default();
        let end = text.iter().position(|&byte| byte == READY);
        // A terminal that is gone does not matter.
        let _ = io::stderr().write_all(text.get(..end.unwrap_or(count)).unwrap_or_default());
        if end.is_some() || count == 0 {
            return Ok(end.is_some());
        }
    }
}

/// A log in a file stays; a terminal or a pipe is not kept open.
fn is_file(stream: impl std::os::fd::AsFd) -> bool {
    let is_regular = |mode| rustix::fs::FileType::from_raw_mode(mode).is_file();
    rustix::fs::fstat(stream).is_ok_and(|stat| is_regular(stat.st_mode))
}

/// The surroundings of the process that serves. Dropping it gives up the pid file.
pub(crate) struct Background {
    streams: Option<Streams>,
    _pid_file: Option<PidFile>,
}

/// The standard streams while the server starts in the background.
struct Streams {
    null: File,
    /// Standard error, for messages: helper processes must not inherit it.
    messages: OwnedFd,
}

impl Background {
    /// Claims the pid file; in the background also leaves session, terminal and directory of the caller. To
    /// be called while the process has one thread.
    pub(crate) fn begin(options: &ProcessOptions) -> Result<Self, String> {
        let pid_file = options
            .pid_file
            .as_deref()
            .map(PidFile::claim)
            .transpose()?;
        let streams = if options.daemon { Some(leave()?) } else { None };
        Ok(Self {
            streams,
            _pid_file: pid_file,
        })
    }

    /// Helper processes have been started: messages can be shown again, and those of the log are.
    pub(crate) fn show_messages(&self, log: &mut Waiting) {
        if let Some(streams) = &self.streams {
            let _ = dup2_stderr(&streams.messages);
            log.print_queued();
        }
    }

    /// The server listens: ends the process that was called, and closes the standard streams.
    pub(crate) fn ready(&mut self, has_log: bool) -> io::Result<()> {
        let Some(Streams { null, messages }) = self.streams.take() else {
            return Ok(());
        };
        if !is_file(&messages) {
            if !has_log {
                let text =
                    "--daemon discards the log: add --syslog, or redirect standard error to a file";
                crate::print_error(&text);
            }
            dup2_stderr(&null)?;
        }
        drop(messages);
        // The first process may be gone.
        let _ = io::stdout()
            .write_all(&[READY])
            .and_then(|()| io::stdout().flush());
        Ok(dup2_stdout(&null)?)
    }
}

fn leave() -> Result<Streams, String> {
    let failed =
        |error: io::Error| format!("--daemon: cannot leave the terminal: {}", cause(&error));
    let leave = || {
        // Otherwise it would be that of /proc/self/exe.
        rustix::thread::set_name(c"mioftpd")?;
        rustix::process::setsid()?;
        rustix::process::chdir("/")?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let messages = io::stderr().as_fd().try_clone_to_owned()?;
        dup2_stdin(&null)?;
        if !is_file(&messages) {
            dup2_stderr(&null)?;
        }
        Ok(Streams { null, messages })
    };
    leave().map_err(failed)
}
