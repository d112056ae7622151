//! A client's side of the control connection, every read under a deadline (RFC 959 §4.2), in the
//! clear or secured (RFC 4217).
//!
//! It insists on what the RFC promises: lines end in CRLF, a multi-line reply ends in its own
//! code, nothing comes that was not asked for.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::tls::{Link, TlsClient};
use super::{DEADLINE, DataChannel, end_connection};

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
    stream: BufReader<Link>,
    /// How it was secured, and data connections will be.
    client: Option<TlsClient>,
    /// Whether data connections are to be secured,
    protects_data: bool,
    /// and whether they are when nothing has been said of it.
    is_implicit: bool,
    /// The line that was sent last, in upper case.
    asked: Vec<u8>,
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
            stream: BufReader::new(Link::Clear(stream)),
            client: None,
            protects_data: false,
            is_implicit: false,
            asked: Vec::new(),
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

    /// Connects to where TLS begins at once, and reads the greeting.
    pub fn implicit(address: SocketAddr, client: &TlsClient) -> Self {
        let mut control = Self::silent(address);
        control.secure(client);
        control.expect(220);
        control
    }

    /// Connects, and goes over to TLS.
    pub fn secured(address: SocketAddr, client: &TlsClient) -> Self {
        let mut control = Self::connect(address);
        control.command("AUTH TLS", 234);
        control.secure(client);
        control
    }

    /// Connects, goes over to TLS, logs in as anonymous, and protects data connections.
    pub fn private(address: SocketAddr, client: &TlsClient) -> Self {
        let mut control = Self::secured(address, client);
        control.log_in("anonymous", "tests@example.org");
        control.command("TYPE I", 200);
        control.command("PBSZ 0", 200);
        control.command("PROT P", 200);
        control
    }

    /// Makes the handshake: the server has said 234, or listens for it.
    pub fn secure(&mut self, client: &TlsClient) {
        let secured = self.try_secure(client);
        secured.unwrap_or_else(|e| self.fail(&format!("no handshake: {e}")));
    }

    /// Makes the handshake, if the server makes it.
    pub fn try_secure(&mut self, client: &TlsClient) -> io::Result<()> {
        if !self.stream.buffer().is_empty() {
            self.fail("something comes before the handshake");
        }
        let link = client.handshake(self.socket().try_clone()?)?;
        // Before anything was said this is implicit TLS, whose data is private by itself.
        self.is_implicit = self.dialogue.is_empty();
        self.protects_data |= self.is_implicit;
        self.dialogue.push("(TLS)".to_owned());
        self.stream = BufReader::new(link);
        self.client = Some(client.clone());
        Ok(())
    }

    /// Ends TLS and goes on in the clear: the server has said 200 to CCC.
    pub fn unsecure(&mut self) {
        let clear = Link::Clear(self.socket().try_clone().unwrap());
        let link = std::mem::replace(&mut self.stream, BufReader::new(clear));
        let ended = link.into_inner().into_clear();
        ended.unwrap_or_else(|e| self.fail(&format!("no end of TLS: {e}")));
        self.dialogue.push("(no TLS)".to_owned());
    }

    /// The connection, with what TLS knows of it.
    pub fn link(&self) -> &Link {
        self.stream.get_ref()
    }

    /// What secures the next data connection, where that has been agreed on.
    pub fn data_client(&self) -> Option<TlsClient> {
        self.client.clone().filter(|_| self.protects_data)
    }

    /// Data connections, where they are secured, are so by another client's TLS.
    pub fn secure_data_by(&mut self, client: &TlsClient) {
        self.client = Some(client.clone());
    }

    /// USER and PASS.
    pub fn log_in(&mut self, user: &str, password: &str) {
        self.command(&format!("USER {user}"), 331);
        self.command(&format!("PASS {password}"), 230);
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        self.link().socket()
    }

    /// The address of this end.
    pub fn local(&self) -> SocketAddr {
        self.socket().local_addr().unwrap()
    }

    /// Ends the connection, as [`end_connection`] does.
    pub fn close(self) {
        end_connection(self.socket().try_clone().unwrap());
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
        self.asked = bytes.trim_ascii_end().to_ascii_uppercase();
        let link = self.stream.get_mut();
        let sent = link.write_all(bytes).and_then(|()| link.flush());
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
        self.note(&line);
        Some(line)
    }

    /// Keeps in mind what was agreed on about data connections (RFC 4217 §12, RFC 2228 §3).
    fn note(&mut self, reply: &[u8]) {
        match (self.asked.as_slice(), reply.get(..3)) {
            (b"PROT P", Some(b"200")) | (b"AUTH SSL" | b"AUTH TLS-P", Some(b"234")) => {
                self.protects_data = true;
            }
            (b"PROT C", Some(b"200")) | (b"AUTH TLS" | b"AUTH TLS-C", Some(b"234")) => {
                self.protects_data = false;
            }
            (b"REIN", Some(b"220")) => self.protects_data = self.is_implicit,
            _ => {}
        }
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

    /// The server must refuse a handshake, and close (RFC 8446 §6.2).
    pub fn expect_alert(&mut self) {
        let mut bytes = Vec::new();
        let end = self.stream.read_to_end(&mut bytes);
        let is_alert = matches!(bytes[..], [21, 3, _, 0, 2, 2, _]);
        if end.is_err() || !is_alert {
            let shown = bytes.escape_ascii();
            self.fail(&format!("expected an alert: {end:?}, {shown}"));
        }
    }

    /// Whether a reply has begun to come within `patience`, in the clear.
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
