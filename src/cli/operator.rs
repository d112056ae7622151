//! The commands for a running server: `who`, `kick`, `drain` and `reload`, over the Unix socket of its status
//! service.
//!
//! It parses their arguments and carries them out. It blocks, which a command may.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::*;
use mioftpd::internals::cause::cause;

use super::Failure;
use super::layers::read;

/// Where the server is, unless an option says so.
const SOCKET: &str = "/run/mioftpd/status.sock";

/// How long the server may take for each step of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read.
const ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// A command for a running server.
pub(crate) struct Operation {
    /// The first words of the request.
    request: String,
    accept: &'static str,
    socket: PathBuf,
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
            _ => return Ok(None),
        };
        let (mut request, mut accept, mut id, mut socket) =
            (target.to_owned(), "text/plain", None, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("json") if name == "who" => accept = "application/json",
                Long("status") => socket = Some(parser.value()?.into()),
                Short('c') | Long("config") => {
                    socket = Some(configured(Path::new(&parser.value()?))?);
                }
                Value(text) if name == "kick" && id.is_none() => id = Some(text),
                other => return Err(other.unexpected().into()),
            }
        }
        if name == "kick" {
            request.push_str(&id_of(id)?);
        }
        Ok(Some(Self {
            request,
            accept,
            socket: socket.unwrap_or_else(|| SOCKET.into()),
        }))
    }

    /// Carries it out, and prints the answer.
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
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let code = head.split(' ').nth(1).unwrap_or_default();
        if !code.starts_with('2') {
            let body = if body.is_empty() {
                "no answer"
            } else {
                body.trim_end()
            };
            return Err(format!("{socket}: {body}"));
        }
        let end = if body.ends_with('\n') { "" } else { "\n" };
        write!(io::stdout(), "{body}{end}").map_err(|error| cause(&error).to_string())
    }

    fn exchange(&self, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let sent = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let received = stream.take(ANSWER_BYTES).read_to_end(&mut answer);
        // A server without room refuses and closes before it has read the request.
        let is_refused = !answer.is_empty() && !answer.starts_with(b"HTTP/1.1 2");
        if !is_refused {
            sent.and(received)?;
        }
        Ok(answer)
    }
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
