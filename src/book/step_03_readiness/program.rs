//! Step 3: readiness.
//!
//! One thread owns all connections, and asks the kernel which of them can be read. It must not know calls
//! that block: one of them would stop all clients.

use std::collections::HashMap;
use std::io::{self, ErrorKind::WouldBlock, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

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

const LISTENER: Token = Token(0);

/// Serves all clients in one thread.
pub fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(64));
    (poll.registry()).register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut streams: HashMap<Token, TcpStream> = HashMap::new();
    let mut last = LISTENER;
    loop {
        match poll.poll(&mut events, None) {
            // A signal.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            done => done?,
        }
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                // Until it would block, since only then there is another event.
                while let Ok((mut stream, _)) = listener.accept() {
                    last = Token(last.0 + 1);
                    (poll.registry()).register(&mut stream, last, Interest::READABLE)?;
                    if stream.write_all(&READY.to_bytes()).is_ok() {
                        streams.insert(last, stream);
                    }
                }
            } else if let Some(stream) = streams.get_mut(&token)
                && !converse(stream).unwrap_or(false)
            {
                // Closing a socket ends its registration too.
                streams.remove(&token);
            }
        }
    }
}

/// Answers all that has arrived. `false`: the connection is over.
fn converse(stream: &mut TcpStream) -> io::Result<bool> {
    let mut bytes = [0; 4096];
    loop {
        let count = match stream.read(&mut bytes) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            // Edge-triggered: only now does the next byte cause an event.
            Err(error) if error.kind() == WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        // The fault of this step: it takes what one call reads for one line.
        let line = bytes.get(..count).unwrap_or_default();
        let request = Request::from(line.trim_ascii_end());
        stream.write_all(&Reply::from(&request).to_bytes())?;
        if matches!(request, Request::Quit) {
            return Ok(false);
        }
    }
}
