//! Step 2: a thread for each client.
//!
//! Each thread owns one connection and reads its lines with calls that block. It does not know the other
//! connections: the kernel schedules them.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The commands of RFC 959 §4.1 that are recognized and not served.
const NOT_SERVED: &str = "USER PASS ACCT CWD CDUP SMNT REIN PORT PASV TYPE STRU MODE RETR STOR STOU \
    APPE ALLO REST RNFR RNTO ABOR DELE RMD MKD PWD LIST NLST SITE SYST STAT HELP";

/// What a line asks for.
enum Request {
    Noop,
    Quit,
    NotServed,
    Unrecognized,
}

impl From<&[u8]> for Request {
    fn from(line: &[u8]) -> Self {
        let verb = line.split(|&byte| byte == b' ').next().unwrap_or_default();
        let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
        match line.is_ascii() {
            true if is("NOOP") => Self::Noop,
            true if is("QUIT") => Self::Quit,
            true if NOT_SERVED.split_ascii_whitespace().any(is) => Self::NotServed,
            _ => Self::Unrecognized,
        }
    }
}

/// A code and a text, sent as one line.
struct Reply(u16, &'static str);

const READY: Reply = Reply(220, "Service ready for new user.");

/// The default reply to each request.
impl From<&Request> for Reply {
    fn from(request: &Request) -> Self {
        match request {
            Request::Noop => Self(200, "Command okay."),
            Request::Quit => Self(221, "Service closing control connection."),
            Request::NotServed => Self(502, "Command not implemented."),
            Request::Unrecognized => Self(500, "Syntax error, command unrecognized."),
        }
    }
}

impl Reply {
    fn to_bytes(&self) -> Vec<u8> {
        format!("{} {}\r\n", self.0, self.1).into_bytes()
    }
}

/// Serves each client in its own thread.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept()?;
        let thread = thread::Builder::new().name(peer.to_string());
        thread.spawn(move || {
            // An error ends the connection, not the server.
            if let Err(error) = converse(stream) {
                eprintln!("{peer}: {error}");
            }
        })?;
    }
}

fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(&READY.to_bytes())?;
    for line in BufReader::new(stream.try_clone()?).split(b'\n') {
        let line = line?;
        let request = Request::from(line.strip_suffix(b"\r").unwrap_or(&line));
        stream.write_all(&Reply::from(&request).to_bytes())?;
        if matches!(request, Request::Quit) {
            break;
        }
    }
    Ok(())
}
