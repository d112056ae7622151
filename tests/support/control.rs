//! A client's side of the control connection, every read under a deadline (RFC 959 §4.2).
//!
//! It insists on what the RFC promises: lines end in CRLF, a multi-line reply ends in its own
//! code, nothing comes that was not asked for.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{DEADLINE, DataChannel};

/// One whole reply.
#[derive(Debug)]
pub struct Reply {
    /// The code.
    pub code: u16,
    /// The lines as they came, without their CRLF.
    pub lines: Vec<String>,
}

impl Reply {
    /// The text behind the code of the last line.
    pub fn text(&self) -> &str {
        self.lines.last().and_then(|l| l.get(4..)).unwrap_or("")
    }
}

/// A control connection.
pub struct Control {
    stream: BufReader<TcpStream>,
    /// What was said, for the message of a failure.
    dialogue: Vec<String>,
}

impl Control {
    /// Connects and reads the greeting.
    pub fn connect(address: SocketAddr) -> Self {
        let mut control = Self::silent(address);
        control.expect(220);
        control
    }

    /// Connects and reads nothing.
    pub fn silent(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&address, DEADLINE).unwrap())
    }

    /// Speaks over an existing connection.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            dialogue: Vec::new(),
        }
    }

    /// Connects and logs in as anonymous.
    pub fn login(address: SocketAddr) -> Self {
        let mut control = Self::connect(address);
        control.log_in("anonymous", "tests@example.org");
        control.command("TYPE I", 200);
        control
    }

    /// USER and PASS.
    pub fn log_in(&mut self, user: &str, password: &str) {
        self.command(&format!("USER {user}"), 331);
        self.command(&format!("PASS {password}"), 230);
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// The address of this end.
    pub fn local(&self) -> SocketAddr {
        self.socket().local_addr().unwrap()
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.send_raw(format!("{line}\r\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if bytes.len() < 1024 {
            self.dialogue.push(format!("C: {}", bytes.escape_ascii()));
        }
        let sent = self.stream.get_mut().write_all(bytes);
        sent.unwrap_or_else(|e| self.fail(&format!("cannot send: {e}")));
    }

    /// The next line without its CRLF; `None` at the end of the connection.
    pub fn try_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
            Err(e) => self.fail(&format!("no line: {e}")),
        }
        self.dialogue.push(format!("S: {}", line.escape_ascii()));
        if !line.ends_with(b"\r\n") {
            self.fail("a line without CRLF");
        }
        line.truncate(line.len() - 2);
        Some(line)
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        let line = self.try_line();
        let line = line.unwrap_or_else(|| self.fail("the connection ended"));
        String::from_utf8_lossy(&line).into_owned()
    }

    /// The next reply.
    pub fn reply(&mut self) -> Reply {
        let first = self.line();
        let code = match first.get(..3).map(str::parse::<u16>) {
            Some(Ok(code)) if matches!(first.as_bytes().get(3), Some(b' ' | b'-')) => code,
            _ => self.fail("not a reply"),
        };
        let more = first.as_bytes()[3] == b'-';
        let mut lines = vec![first];
        let end = format!("{code} ");
        while more && !(lines.len() > 1 && lines[lines.len() - 1].starts_with(&end)) {
            lines.push(self.line());
        }
        Reply { code, lines }
    }

    /// The next reply, which must have this code.
    pub fn expect(&mut self, code: u16) -> Reply {
        let reply = self.reply();
        if reply.code != code {
            self.fail(&format!("expected {code}"));
        }
        reply
    }

    /// The next reply must have one of these codes.
    pub fn expect_one_of(&mut self, codes: &[u16]) -> Reply {
        let reply = self.reply();
        if !codes.contains(&reply.code) {
            self.fail(&format!("expected one of {codes:?}"));
        }
        reply
    }

    /// Sends a line and expects a reply.
    pub fn command(&mut self, line: &str, code: u16) -> Reply {
        self.send(line);
        self.expect(code)
    }

    /// The server must close, with nothing more to say.
    pub fn expect_end(&mut self) {
        if self.try_line().is_some() {
            self.fail("expected the end of the connection");
        }
    }

    /// Whether a reply has begun to come within `patience`.
    pub fn has_reply(&self, patience: Duration) -> bool {
        if !self.stream.buffer().is_empty() {
            return true;
        }
        self.socket().set_read_timeout(Some(patience)).unwrap();
        let mut byte = [0];
        let seen = self.socket().peek(&mut byte).is_ok();
        self.socket().set_read_timeout(Some(DEADLINE)).unwrap();
        seen
    }

    /// EPSV and a connection to it.
    pub fn passive(&mut self) -> DataChannel {
        DataChannel::epsv(self)
    }

    /// Fetches a file over a new passive connection.
    pub fn retrieve(&mut self, path: &str) -> Vec<u8> {
        let data = self.passive();
        self.command(&format!("RETR {path}"), 150);
        let bytes = data.receive();
        self.expect(226);
        bytes
    }

    /// Stores a file over a new passive connection.
    pub fn store(&mut self, path: &str, bytes: &[u8]) {
        let data = self.passive();
        self.command(&format!("STOR {path}"), 150);
        data.send(bytes);
        self.expect(226);
    }

    /// All bytes until the server closes.
    pub fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let end = self.stream.read_to_end(&mut bytes);
        end.unwrap_or_else(|e| self.fail(&format!("no end: {e}")));
        bytes
    }

    /// Panics with the dialogue so far.
    pub fn fail(&self, what: &str) -> ! {
        let from = self.dialogue.len().saturating_sub(20);
        panic!(
            "{what}; the dialogue:\n{}",
            self.dialogue[from..].join("\n")
        );
    }
}
