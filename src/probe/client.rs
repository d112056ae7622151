//! The control connection of the probe: one command, then its reply.
//!
//! Every call has a time-out. What ends a conversation is a [`Broken`], which names the command. It must not
//! know what is checked.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::timed_socket::TimedSocket;
use super::tls::{Handshake, Tls};
use super::wire::Wire;
use crate::bench::client::ReplyReader;
use crate::cause::cause;

/// The most preliminary replies that are skipped.
const PRELIMINARIES: usize = 16;

/// A reply, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// From 100 to 599.
    pub(super) code: u16,
    /// All lines as they came, with their ends.
    pub(super) lines: Vec<u8>,
    /// The last line, printable.
    pub(super) shown: String,
}

impl Reply {
    /// Whether it is positive and final.
    pub(super) const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether it refuses.
    pub(super) const fn is_negative(&self) -> bool {
        self.code >= 400
    }

    /// Whether the command is not implemented.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self.code, 500 | 502)
    }
}

/// Why a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// What was sent last, without a password.
    pub(super) after: String,
    /// The reason in words: a predicate of "the server".
    pub(super) why: String,
    /// The server sent nothing for the time-out.
    pub(super) is_timeout: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} the server {}", self.after, self.why)
    }
}

/// A control connection.
#[derive(Debug)]
pub(super) struct Client {
    wire: Wire,
    reader: ReplyReader,
    unread: Vec<u8>,
    after: String,
    timeout: Duration,
}

impl Client {
    /// Connects.
    pub(super) fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let socket = TimedSocket::connect(address, timeout)?;
        Ok(Self::over(Wire::Clear(socket), timeout))
    }

    fn over(wire: Wire, timeout: Duration) -> Self {
        Self {
            wire,
            reader: ReplyReader::default(),
            unread: Vec::new(),
            after: "the connection".to_owned(),
            timeout,
        }
    }

    /// Does the TLS handshake. What has come before it is dropped.
    pub(super) fn secure(self, tls: &Tls, handshake: Handshake) -> Result<Self, Broken> {
        let (after, timeout) = (self.after, self.timeout);
        let secured = self.wire.into_clear().and_then(|mut socket| {
            socket.allow(timeout);
            tls.connect(socket, handshake)
        });
        let secured = secured.map_err(|error| Broken {
            why: format!("failed the TLS handshake: {}", cause(&error)),
            after,
            is_timeout: is_timeout(&error),
        })?;
        let mut client = Self::over(Wire::Secure(Box::new(secured)), timeout);
        "the TLS handshake".clone_into(&mut client.after);
        Ok(client)
    }

    /// The certificates of the server, its own first; none in the clear.
    pub(super) fn certificates(&self) -> Vec<Vec<u8>> {
        match &self.wire {
            Wire::Clear(_) => Vec::new(),
            Wire::Secure(secured) => secured.certificates(),
        }
    }

    /// The socket.
    pub(super) const fn socket(&self) -> &TcpStream {
        self.wire.socket()
    }

    /// The time-out of each call.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends bytes; `shown` is what a message says of them.
    pub(super) fn send(&mut self, bytes: &[u8], shown: &str) -> Result<(), Broken> {
        shown.clone_into(&mut self.after);
        self.wire.allow(self.timeout);
        let sent = self.wire.write_all(bytes).and_then(|()| self.wire.flush());
        sent.map_err(|error| self.broken(&error))
    }

    /// Sends a command and reads its reply.
    pub(super) fn command(&mut self, command: impl AsRef<[u8]>) -> Result<Reply, Broken> {
        let command = command.as_ref();
        let shown = String::from_utf8_lossy(command).into_owned();
        self.send(&[command, b"\r\n"].concat(), &shown)?;
        self.reply()
    }

    /// Sends a command whose argument is no business of a message.
    pub(super) fn secret(&mut self, verb: &str, argument: &[u8]) -> Result<Reply, Broken> {
        self.send(&[verb.as_bytes(), b" ", argument, b"\r\n"].concat(), verb)?;
        self.reply()
    }

    /// Reads a reply, which may be preliminary.
    pub(super) fn reply(&mut self) -> Result<Reply, Broken> {
        self.wire.allow(self.timeout);
        self.next_reply()
    }

    /// Reads a reply that is not preliminary.
    pub(super) fn final_reply(&mut self) -> Result<Reply, Broken> {
        self.wire.allow(self.timeout);
        for _ in 0..PRELIMINARIES {
            let reply = self.next_reply()?;
            if reply.code >= 200 {
                return Ok(reply);
            }
        }
        Err(self.ended("sent preliminary replies only"))
    }

    /// Reads a reply that need not come: waits for at most `patience`.
    pub(super) fn reply_within(&mut self, patience: Duration) -> Result<Option<Reply>, Broken> {
        self.wire.allow_silence(patience);
        match self.next_reply() {
            Err(broken) if broken.is_timeout => Ok(None),
            reply => reply.map(Some),
        }
    }

    /// Reads up to `count` bytes, fewer if the server closes.
    pub(super) fn raw(&mut self, count: usize) -> Result<Vec<u8>, Broken> {
        self.wire.allow(self.timeout);
        while self.unread.len() < count {
            match self.receive() {
                Err(broken) if broken.is_timeout => return Err(broken),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        Ok(std::mem::take(&mut self.unread))
    }

    fn next_reply(&mut self) -> Result<Reply, Broken> {
        loop {
            let mut input = self.unread.as_slice();
            let found = self.reader.next(&mut input);
            let found = found.map(|found| {
                found.map(|reply| Reply {
                    code: reply.code,
                    lines: reply.lines.to_vec(),
                    shown: reply.shown(),
                })
            });
            let used = self.unread.len() - input.len();
            self.unread.drain(..used);
            match found {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => self.receive()?,
                Err(error) => return Err(self.ended(&format!("broke the protocol: {error}"))),
            }
        }
    }

    fn receive(&mut self) -> Result<(), Broken> {
        let mut buffer = [0; 4096];
        match self.wire.read(&mut buffer) {
            Ok(0) => Err(self.ended("closed the connection")),
            Ok(count) => {
                let received = buffer.get(..count).unwrap_or_default();
                self.unread.extend_from_slice(received);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// What an error of the socket means.
    pub(super) fn broken(&self, error: &io::Error) -> Broken {
        let why = match error.kind() {
            io::ErrorKind::TimedOut => format!("did not answer within {:?}", self.timeout),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
            _ => format!("could not be reached: {}", cause(error)),
        };
        Broken {
            is_timeout: is_timeout(error),
            ..self.ended(&why)
        }
    }

    /// An end of the conversation.
    pub(super) fn ended(&self, why: &str) -> Broken {
        Broken {
            after: self.after.clone(),
            why: why.to_owned(),
            is_timeout: false,
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}
