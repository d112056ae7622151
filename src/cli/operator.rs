//! The commands for a running server: `who`, `kick`, `drain`, `reload` and `trace`, over the Unix socket of
//! its status service.
//!
//! It parses their arguments and carries them out. It blocks, which a command may.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::*;
use mioftpd::internals::cause::cause;
use mioftpd::internals::limits::status::{TRACE_SECONDS, TRACE_TIME};
use mioftpd::internals::protocol::visible::Visible;
use mioftpd::internals::timed_read::read_within;

use super::Failure;
use super::layers::read;

/// Where the server is, unless an option says so.
const SOCKET: &str = "/run/mioftpd/status.sock";

/// How long the server may take for each step of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read: a trace has at most 65,536 records, which take less than 1 KiB each.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A command for a running server.
pub(crate) struct Operation {
    /// The first words of the request.
    request: String,
    accept: &'static str,
    socket: PathBuf,
    /// How long the server does what it is asked for before it answers.
    time: Duration,
    /// Where the answer is written to, if not to standard output.
    output: Option<PathBuf>,
}

impl Operation {
    /// The command of these arguments; `None` if the first of them is not the name of one.
    pub(super) fn parse(arguments: &[OsString]) -> Result<Option<Self>, Failure> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let name = match parser.next() {
            Ok(Some(Value(name))) => name.into_string().unwrap_or_default(),
            _ => return Ok(None),
        };
        let target = match name.as_str() {
            "who" => "GET /sessions",
            "kick" => "DELETE /sessions/",
            "drain" => "POST /drain",
            "reload" => "POST /reload",
            "trace" => "POST /trace?",
            _ => return Ok(None),
        };
        let (mut request, mut accept, mut id, mut socket) =
            (target.to_owned(), "text/plain", None, None);
        let (mut time, mut output) = (Duration::ZERO, None);
        if name == "trace" {
            time = TRACE_TIME;
        }
        while let Some(argument) = parser.next()? {
            match argument {
                Long("json") if name == "who" => accept = "application/json",
                Long("status") => socket = Some(parser.value()?.into()),
                Short('c') | Long("config") => {
                    socket = Some(configured(Path::new(&parser.value()?))?);
                }
                Long("seconds") if name == "trace" => time = seconds(&parser.value()?)?,
                Long("names") if name == "trace" => request.push_str("names=1&"),
                Long("output") if name == "trace" => output = Some(parser.value()?.into()),
                Value(text) if name == "kick" && id.is_none() => id = Some(text),
                other => return Err(other.unexpected().into()),
            }
        }
        if name == "kick" {
            request.push_str(&id_of(id)?);
        } else if name == "trace" {
            request.push_str("seconds=");
            request.push_str(&time.as_secs().to_string());
        }
        Ok(Some(Self {
            request,
            accept,
            socket: socket.unwrap_or_else(|| SOCKET.into()),
            time,
            output,
        }))
    }

    /// Carries it out, and prints the answer or writes it to its file.
    ///
    /// # Errors
    /// The reason in words.
    pub(crate) fn run(&self) -> Result<(), String> {
        let Self {
            request, accept, ..
        } = self;
        let socket = self.socket.display();
        let answer = self
            .exchange(&format!(
                "{request} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
            ))
            .map_err(|error| {
                let why = cause(&error);
                format!(
                    "{socket}: {why}; a server listens there with status.listen = [\"unix:{socket}\"], \
                     --status PATH names another"
                )
            })?;
        let (head, body) = parts(&answer);
        if !head.ends_with(&format!("\r\nContent-Length: {}", body.len())) {
            return Err(format!(
                "{socket}: no answer, or not all of it; the server may have stopped"
            ));
        }
        let code = head.split(' ').nth(1).unwrap_or_default();
        if !code.starts_with('2') {
            let body = Visible(body.trim_ascii_end());
            return Err(format!("{socket}: {body}"));
        }
        match &self.output {
            None => print(body).map_err(|error| cause(&error).to_string()),
            Some(path) => {
                let saved = save(body, path);
                saved.map_err(|error| format!("--output {}: {}", path.display(), cause(&error)))
            }
        }
    }

    fn exchange(&self, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let sent = stream.write_all(request.as_bytes());
        let time = self.time + PATIENCE;
        let received = read_within(&mut stream, time, ANSWER_BYTES, |_| false);
        let answer = received.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => io::Error::other(format!("no answer within {time:?}")),
            _ => error,
        })?;
        // A server without room refuses and closes before it has read the request.
        let is_refused = !answer.is_empty() && !answer.starts_with(b"HTTP/1.1 2");
        if !is_refused {
            sent?;
        }
        Ok(answer)
    }
}

/// The header of an answer, and its body.
fn parts(answer: &[u8]) -> (String, &[u8]) {
    const END: &[u8] = b"\r\n\r\n";
    let at = answer.windows(END.len()).position(|bytes| bytes == END);
    let (head, rest) = answer.split_at(at.unwrap_or(answer.len()));
    let body = rest.get(END.len()..).unwrap_or_default();
    (String::from_utf8_lossy(head).into_owned(), body)
}

/// Prints lines, without what a terminal would act upon: another program may listen at the socket.
fn print(body: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    for line in body.split(|&byte| byte == b'\n') {
        writeln!(output, "{}", Visible(line))?;
    }
    output.flush()
}

/// Writes a file that only its owner can read: it has the addresses of clients.
fn save(body: &[u8], path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(body)
}

/// For how long to record.
fn seconds(text: &OsStr) -> Result<Duration, Failure> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    let number = number.filter(|number| TRACE_SECONDS.contains(number));
    number.map(Duration::from_secs).ok_or_else(|| {
        let text = text.display();
        Failure::Invalid(format!(
            "--seconds: invalid value '{text}'; use a number from 1 to 60"
        ))
    })
}

/// The id of a session, which is hexadecimal.
fn id_of(id: Option<OsString>) -> Result<String, Failure> {
    let Some(id) = id else {
        let text = "kick needs the id of a session; mioftpd who lists them";
        return Err(Failure::Invalid(text.to_owned()));
    };
    let shown = id.display().to_string();
    let is_id = !shown.is_empty() && shown.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wrong = || format!("kick: '{shown}' is not the id of a session; mioftpd who lists them");
    is_id
        .then(|| shown.clone())
        .ok_or_else(|| Failure::Invalid(wrong()))
}

/// The first Unix socket of a configuration file.
fn configured(file: &Path) -> Result<PathBuf, Failure> {
    let draft = read(file)?;
    let socket = draft.config.status.sockets().next();
    socket.map(Path::to_owned).ok_or_else(|| {
        Failure::Invalid(format!(
            "{}: status.listen has no Unix socket, such as \"unix:{SOCKET}\"; add one, or use \
             --status PATH",
            file.display()
        ))
    })
}
