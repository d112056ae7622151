//! The measuring client: one control connection on a blocking socket, plain or over TLS.
//!
//! Between two clock readings are only one `write`, one `read` and no allocation. It parses replies
//! (RFC 959 §4.2) just enough to find their end and check their code.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::connection::Connection;
use crate::contest::Times;
use crate::identity::Client;

/// The time-out of every read and write; after it, the run fails.
pub(crate) const IO_TIMEOUT: Duration = Duration::from_secs(10);

/// The command that is measured most.
pub(crate) const NOOP: &[u8] = b"NOOP\r\n";

/// Round trips before those that are recorded: the first find cold caches.
const WARM_UP: usize = 20;

/// A control connection.
pub(crate) struct Control {
    stream: BufReader<Connection>,
    reply: Vec<u8>,
    /// The TLS configuration of data connections, if they are protected.
    protection: Option<Client>,
}

impl Control {
    /// Connects and receives the greeting.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::greet(TcpStream::connect(address)?)
    }

    /// Connects from one of 250 loopback addresses, chosen by `number`: the server limits the
    /// connections of each address, and how many it opens in a second.
    pub(crate) fn connect_in_crowd(address: SocketAddr, number: u32) -> io::Result<Self> {
        let last = u8::try_from(number % 250).unwrap_or_default();
        let source = SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, last + 1), 0);
        let socket = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::net::bind(&socket, &source)?;
        rustix::net::connect(&socket, &address)?;
        Self::greet(TcpStream::from(socket))
    }

    fn greet(stream: TcpStream) -> io::Result<Self> {
        prepare(&stream)?;
        let mut control = Self {
            stream: BufReader::with_capacity(16 * 1024, Connection::Plain(stream)),
            reply: Vec::with_capacity(1024),
            protection: None,
        };
        control.expect(b"220")?;
        Ok(control)
    }

    /// AUTH TLS, the handshake, and a first command over TLS (RFC 4217 §4), which some servers refuse
    /// before the login.
    pub(crate) fn secure(mut self, client: &Client) -> io::Result<Self> {
        self.ask(b"AUTH TLS\r\n", b"234")?;
        let Connection::Plain(socket) = self.stream.into_inner() else {
            return Err(io::Error::other("AUTH TLS on a TLS connection"));
        };
        self.stream = BufReader::with_capacity(16 * 1024, client.secure(socket)?);
        self.send(NOOP)?;
        self.reply()?;
        Ok(self)
    }

    /// PROT P: protects data connections too.
    pub(crate) fn protect_data(&mut self, client: &Client) -> io::Result<()> {
        self.ask(b"PBSZ 0\r\n", b"200")?;
        self.ask(b"PROT P\r\n", b"200")?;
        self.protection = Some(client.clone());
        Ok(())
    }

    /// Logs in. The floor of commands answers USER like any other command.
    pub(crate) fn log_in(&mut self, user: &str) -> io::Result<()> {
        self.send(format!("USER {user}\r\n").as_bytes())?;
        let reply = self.reply()?;
        if reply.starts_with(b"331") {
            return self.ask(b"PASS bench@\r\n", b"230");
        }
        if reply.starts_with(b"2") {
            return Ok(());
        }
        Err(unexpected(reply))
    }

    /// Selects binary transfers.
    pub(crate) fn select_binary(&mut self) -> io::Result<()> {
        self.ask(b"TYPE I\r\n", b"200")
    }

    /// Sends a command and checks the code of its reply.
    pub(crate) fn ask(&mut self, command: &[u8], code: &[u8]) -> io::Result<()> {
        self.send(command)?;
        self.expect(code)
    }

    /// Sends commands without waiting for replies.
    pub(crate) fn send(&mut self, commands: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(commands)
    }

    /// Receives a reply, which must have this code.
    pub(crate) fn expect(&mut self, code: &[u8]) -> io::Result<()> {
        let reply = self.reply()?;
        if reply.starts_with(code) {
            return Ok(());
        }
        Err(unexpected(reply))
    }

    /// Receives a reply and returns its last line.
    pub(crate) fn reply(&mut self) -> io::Result<&[u8]> {
        loop {
            self.reply.clear();
            if self.stream.read_until(b'\n', &mut self.reply)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if ends_a_reply(&self.reply) {
                return Ok(&self.reply);
            }
        }
    }

    /// Receives several replies in one piece, which must be exactly `replies`.
    pub(crate) fn take_exactly(&mut self, replies: &[u8], scratch: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(scratch)?;
        if scratch == replies {
            return Ok(());
        }
        Err(unexpected(scratch))
    }

    /// Requests a passive port and connects to it.
    pub(crate) fn open_data(&mut self) -> io::Result<Connection> {
        self.send(b"EPSV\r\n")?;
        let mut address = self.stream.get_ref().socket().peer_addr()?;
        let reply = self.reply()?;
        address.set_port(passive_port(reply).ok_or_else(|| unexpected(reply))?);
        let data = TcpStream::connect(address)?;
        prepare(&data)?;
        if let Some(client) = &self.protection {
            return client.secure(data);
        }
        Ok(Connection::Plain(data))
    }

    /// QUIT, and reads to the end of the connection.
    pub(crate) fn quit(mut self) -> io::Result<()> {
        self.ask(b"QUIT\r\n", b"221")?;
        self.reply.clear();
        match self.stream.read_until(b'\n', &mut self.reply)? {
            0 => Ok(()),
            _ => Err(unexpected(&self.reply)),
        }
    }

    /// The socket, between a reply and the next command.
    pub(crate) fn into_stream(self) -> io::Result<TcpStream> {
        self.stream.get_ref().socket().try_clone()
    }
}

/// Sets the socket options of every socket of the benchmark.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IO_TIMEOUT))?;
    stream.set_write_timeout(Some(IO_TIMEOUT))
}

/// Records `count` round trips of NOOP, after some to warm up.
pub(crate) fn time_noops(control: &mut Control, count: usize) -> io::Result<Times> {
    for _ in 0..WARM_UP {
        control.ask(NOOP, b"200")?;
    }
    let mut times = Times::new(count);
    for _ in 0..count {
        times.time(|| control.ask(NOOP, b"200"))?;
    }
    Ok(times)
}

/// Whether the line is the last of a reply: a code and a space. Others have a hyphen, or no code.
fn ends_a_reply(line: &[u8]) -> bool {
    let (code, rest) = line.split_at_checked(3).unwrap_or_default();
    rest.starts_with(b" ") && code.iter().all(u8::is_ascii_digit)
}

/// The port in `229 Text (|||port|)`, RFC 2428 §3.
fn passive_port(reply: &[u8]) -> Option<u16> {
    let reply = str::from_utf8(reply).ok()?;
    let (_, port) = reply.strip_prefix("229")?.split_once("(|||")?;
    port.split_once("|)")?.0.parse().ok()
}

/// The error of an unexpected reply: `Unsupported` if the server does not know the command.
fn unexpected(reply: &[u8]) -> io::Error {
    let start: Vec<u8> = reply.iter().copied().take(80).collect();
    let text = String::from_utf8_lossy(&start);
    let message = format!("unexpected reply: {}", text.trim_end());
    if ["500", "502", "504"]
        .iter()
        .any(|code| text.starts_with(code))
    {
        return io::Error::new(io::ErrorKind::Unsupported, message);
    }
    io::Error::other(message)
}
