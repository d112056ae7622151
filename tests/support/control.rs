//! The client's end of a control connection, in the clear or with TLS (RFC 959 §4.2, RFC 4217).
//!
//! It is strict: lines end in CRLF, and a multi-line reply ends with its own code. Every read has a
//! time-out. It tracks PROT, so that data connections are protected as negotiated. A failure prints the
//! dialogue.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::tls::{Link, TlsClient};
use super::{DEADLINE, DataChannel, end_connection, uninterrupted};

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// The code.
    pub code: u16,
    /// The lines, without their CRLF.
    pub lines: Vec<String>,
}

impl Reply {
    /// The text after the code of the last line.
    pub fn text(&self) -> &str {
        self.lines.last().and_then(|l| l.get(4..)).unwrap_or("")
    }
}

/// A control connection.
pub struct Control {
    stream: BufReader<Link>,
    /// The TLS client of the control connection and of data connections.
    client: Option<TlsClient>,
    /// Whether data connections use TLS.
    protects_data: bool,
    /// Whether the connection uses implicit TLS, so that data connections use TLS by default.
    is_implicit: bool,
    /// The last command, in upper case.
    last_command: Vec<u8>,
    /// Printed when a check fails.
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

    /// Uses an existing connection.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(Link::Clear(stream)),
            client: None,
            protects_data: false,
            is_implicit: false,
            last_command: Vec::new(),
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

    /// Connects to an address for implicit TLS, and reads the greeting.
    pub fn implicit(address: SocketAddr, client: &TlsClient) -> Self {
        let mut control = Self::silent(address);
        control.secure(client);
        control.expect(220);
        control
    }

    /// Connects, and starts TLS.
    pub fn secured(address: SocketAddr, client: &TlsClient) -> Self {
        let mut control = Self::connect(address);
        control.command("AUTH TLS", 234);
        control.secure(client);
        control
    }

    /// Connects, starts TLS, logs in as anonymous, and protects data connections.
    pub fn private(address: SocketAddr, client: &TlsClient) -> Self {
        let mut control = Self::secured(address, client);
        control.log_in("anonymous", "tests@example.org");
        control.command("TYPE I", 200);
        control.command("PBSZ 0", 200);
        control.command("PROT P", 200);
        control
    }

    /// Completes a TLS handshake, after 234 or at once for implicit TLS.
    pub fn secure(&mut self, client: &TlsClient) {
        let secured = self.try_secure(client);
        secured.unwrap_or_else(|e| self.fail(&format!("the TLS handshake failed: {e}")));
    }

    /// Attempts a TLS handshake.
    pub fn try_secure(&mut self, client: &TlsClient) -> io::Result<()> {
        if !self.stream.buffer().is_empty() {
            self.fail("data arrived before the TLS handshake");
        }
        let link = client.handshake(self.socket().try_clone()?)?;
        // TLS before any line is implicit TLS, which protects data connections by default.
        self.is_implicit = self.dialogue.is_empty();
        self.protects_data |= self.is_implicit;
        self.dialogue.push("(TLS)".to_owned());
        self.stream = BufReader::new(link);
        self.client = Some(client.clone());
        Ok(())
    }

    /// Ends TLS and continues in the clear, after the server's 200 to CCC.
    pub fn unsecure(&mut self) {
        let clear = Link::Clear(self.socket().try_clone().unwrap());
        let link = std::mem::replace(&mut self.stream, BufReader::new(clear));
        let ended = link.into_inner().into_clear();
        ended.unwrap_or_else(|e| self.fail(&format!("TLS did not end: {e}")));
        self.dialogue.push("(no TLS)".to_owned());
    }

    /// The connection.
    pub fn link(&self) -> &Link {
        self.stream.get_ref()
    }

    /// The TLS client for the next data connection, if PROT protects it.
    pub fn data_client(&self) -> Option<TlsClient> {
        self.client.clone().filter(|_| self.protects_data)
    }

    /// Uses another TLS client for data connections from now on.
    pub fn secure_data_by(&mut self, client: &TlsClient) {
        self.client = Some(client.clone());
    }

    /// USER and PASS.
    pub fn log_in(&mut self, user: &str, password: &str) {
        self.command(&format!("USER {user}"), 331);
        self.command(&format!("PASS {password}"), 230);
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        self.link().socket()
    }

    /// The local address.
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
        self.last_command = bytes.trim_ascii_end().to_ascii_uppercase();
        let link = self.stream.get_mut();
        let sent = link.write_all(bytes).and_then(|()| link.flush());
        sent.unwrap_or_else(|e| self.fail(&format!("cannot send: {e}")));
    }

    /// The next line without its CRLF; `None` at the end of the stream or after a reset.
    pub fn try_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
            Err(e) => self.fail(&format!("cannot read a line: {e}")),
        }
        self.dialogue.push(format!("S: {}", line.escape_ascii()));
        if !line.ends_with(b"\r\n") {
            self.fail("a line without CRLF");
        }
        line.truncate(line.len() - 2);
        self.track_protection(&line);
        Some(line)
    }

    /// Tracks the protection level of data connections (RFC 4217 §12, RFC 2228 §3).
    fn track_protection(&mut self, reply: &[u8]) {
        match (self.last_command.as_slice(), reply.get(..3)) {
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

    /// Reads the next reply, which must have this code.
    pub fn expect(&mut self, code: u16) -> Reply {
        let reply = self.reply();
        if reply.code != code {
            self.fail(&format!("expected {code}"));
        }
        reply
    }

    /// Reads the next reply, which must have one of these codes.
    pub fn expect_one_of(&mut self, codes: &[u16]) -> Reply {
        let reply = self.reply();
        if !codes.contains(&reply.code) {
            self.fail(&format!("expected one of {codes:?}"));
        }
        reply
    }

    /// Sends a command, and expects a reply with this code.
    pub fn command(&mut self, line: &str, code: u16) -> Reply {
        self.send(line);
        self.expect(code)
    }

    /// Expects the end of the stream, with no further line.
    pub fn expect_end(&mut self) {
        if self.try_line().is_some() {
            self.fail("expected the end of the connection");
        }
    }

    /// Expects a fatal TLS alert and the end of the stream (RFC 8446 §6.2).
    pub fn expect_alert(&mut self) {
        let mut bytes = Vec::new();
        let end = self.stream.read_to_end(&mut bytes);
        let is_alert = matches!(bytes[..], [21, 3, _, 0, 2, 2, _]);
        if end.is_err() || !is_alert {
            let shown = bytes.escape_ascii();
            self.fail(&format!("expected an alert: {end:?}, {shown}"));
        }
    }

    /// Whether the first byte of a reply arrives within `timeout`. Only in the clear.
    pub fn has_reply(&self, timeout: Duration) -> bool {
        if !self.stream.buffer().is_empty() {
            return true;
        }
        self.socket().set_read_timeout(Some(timeout)).unwrap();
        let mut byte = [0];
        let has_arrived = uninterrupted(|| self.socket().peek(&mut byte)).is_ok();
        self.socket().set_read_timeout(Some(DEADLINE)).unwrap();
        has_arrived
    }

    /// Opens a data connection with EPSV.
    pub fn passive(&mut self) -> DataChannel {
        DataChannel::epsv(self)
    }

    /// Downloads a file over a new passive connection.
    pub fn retrieve(&mut self, path: &str) -> Vec<u8> {
        let data = self.passive();
        self.command(&format!("RETR {path}"), 150);
        let bytes = data.receive();
        self.expect(226);
        bytes
    }

    /// Uploads a file over a new passive connection.
    pub fn store(&mut self, path: &str, bytes: &[u8]) {
        let data = self.passive();
        self.command(&format!("STOR {path}"), 150);
        data.send(bytes);
        self.expect(226);
    }

    /// The remaining bytes until the server closes.
    pub fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let end = self.stream.read_to_end(&mut bytes);
        end.unwrap_or_else(|e| self.fail(&format!("the stream did not end: {e}")));
        bytes
    }

    /// Panics with the end of the dialogue.
    pub fn fail(&self, what: &str) -> ! {
        let from = self.dialogue.len().saturating_sub(20);
        panic!(
            "{what}; the dialogue:\n{}",
            self.dialogue[from..].join("\n")
        );
    }
}
