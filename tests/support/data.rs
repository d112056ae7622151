//! The client's end of data connections (RFC 959 §3.2, RFC 2428), and socket operations of unusual
//! clients: resets, urgent data, chosen source addresses.
//!
//! A [`DataChannel`] owns the socket between the command that negotiates it and the transfer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketType, sockopt};

use super::tls::{Link, TlsClient};
use super::{Control, DEADLINE, until};

/// A negotiated data connection: not yet accepted in active mode, and before its TLS handshake.
pub struct DataChannel {
    socket: DataSocket,
    /// `None` is in the clear.
    client: Option<TlsClient>,
}

enum DataSocket {
    /// Passive mode (EPSV, PASV): the client has connected.
    Connected(TcpStream),
    /// Active mode (PORT, EPRT): the server will connect.
    Listening(TcpListener),
}

impl DataChannel {
    /// EPSV.
    pub fn epsv(control: &mut Control) -> Self {
        let port = epsv_port(control);
        Self::connected(control, port)
    }

    /// PASV, IPv4 only.
    pub fn pasv(control: &mut Control) -> Self {
        let port = pasv_port(control);
        Self::connected(control, port)
    }

    /// PORT, IPv4 only.
    pub fn port(control: &mut Control) -> Self {
        let listener = TcpListener::bind((control.local().ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        control.command(&format!("PORT {}", host_port(address)), 200);
        Self::new(control, DataSocket::Listening(listener))
    }

    /// EPRT.
    pub fn eprt(control: &mut Control) -> Self {
        // The socket address, not only the IP: a link-local address needs its scope id.
        let mut here = control.local();
        here.set_port(0);
        let listener = TcpListener::bind(here).unwrap();
        let address = listener.local_addr().unwrap();
        let family = if address.is_ipv4() { 1 } else { 2 };
        let (ip, port) = (address.ip(), address.port());
        control.command(&format!("EPRT |{family}|{ip}|{port}|"), 200);
        Self::new(control, DataSocket::Listening(listener))
    }

    /// Closes the client's listener before the server connects.
    ///
    /// Dropping it is not enough: a child process that another test starts has a copy until its `exec`.
    pub fn refuse(self) {
        if let DataSocket::Listening(listener) = self.socket {
            rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
        }
    }

    /// Whether the mode is active: the server connects after the transfer command.
    pub fn is_active(&self) -> bool {
        matches!(self.socket, DataSocket::Listening(_))
    }

    /// Sets the TLS client; `None` is in the clear.
    pub fn secured_by(mut self, client: Option<TlsClient>) -> Self {
        self.client = client;
        self
    }

    /// Accepts the connection in active mode and completes its TLS handshake if it is protected. The
    /// server starts the handshake after its 150.
    pub fn link(self) -> Link {
        self.try_link().unwrap()
    }

    /// As [`link`](Self::link), but returns the error of the handshake.
    pub fn try_link(self) -> io::Result<Link> {
        match self.client.clone() {
            None => Ok(Link::Clear(self.stream())),
            Some(client) => client.handshake(self.stream()),
        }
    }

    /// Accepts the connection in active mode, and skips TLS.
    pub fn stream(self) -> TcpStream {
        let stream = match self.socket {
            DataSocket::Connected(stream) => stream,
            DataSocket::Listening(listener) => accept(&listener),
        };
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Reads until the server closes.
    pub fn receive(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.link().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Sends `bytes` and closes.
    pub fn send(self, bytes: &[u8]) {
        let mut link = self.link();
        link.write_all(bytes).unwrap();
        // The reply tells whether the server received all of it.
        let _ = link.finish();
    }

    fn new(control: &Control, socket: DataSocket) -> Self {
        let client = control.data_client();
        Self { socket, client }
    }

    /// Connects to the port of an earlier reply.
    pub fn connected(control: &Control, port: u16) -> Self {
        let mut address = control.socket().peer_addr().unwrap();
        address.set_port(port);
        let stream = TcpStream::connect_timeout(&address, DEADLINE);
        let stream = stream
            .unwrap_or_else(|e| control.fail(&format!("cannot connect to the data port: {e}")));
        Self::new(control, DataSocket::Connected(stream))
    }
}

/// The port of an EPSV reply.
pub fn epsv_port(control: &mut Control) -> u16 {
    let reply = control.command("EPSV", 229);
    let number = reply.text().split('|').nth(3).map(str::parse);
    match number {
        Some(Ok(port)) => port,
        _ => control.fail("not an EPSV reply"),
    }
}

/// The port of a PASV reply.
pub fn pasv_port(control: &mut Control) -> u16 {
    let reply = control.command("PASV", 227);
    let text = reply.text();
    let list = text.split(['(', ')']).nth(1).unwrap_or("");
    let numbers: Vec<u16> = list.split(',').filter_map(|n| n.parse().ok()).collect();
    match numbers[..] {
        [_, _, _, _, high, low] => high * 256 + low,
        _ => control.fail("not a PASV reply"),
    }
}

/// An IPv4 address in the notation of PORT.
pub fn host_port(address: SocketAddr) -> String {
    let ip = address.ip().to_string().replace('.', ",");
    let [high, low] = address.port().to_be_bytes();
    format!("{ip},{high},{low}")
}

/// Waits for the server to connect.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let (stream, _) = until("the server's data connection", || listener.accept().ok());
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Reads to the end of the stream.
pub fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Closes a connection, and sends the FIN before it returns.
///
/// A close alone may be late: a child process that another test starts has a copy of the socket until its
/// `exec`, and only the last close sends the FIN.
pub fn end_connection(stream: TcpStream) {
    stream.shutdown(Shutdown::Write).ok();
    drop(stream);
}

/// Resets a connection before it returns. Disconnecting (`AF_UNSPEC`) resets it at once, even if the
/// socket has copies.
pub fn abort_connection(stream: TcpStream) {
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    rustix::net::connect_unspec(&stream).unwrap();
    drop(stream);
}

/// Sends bytes with the last one as urgent data (the Synch signal, RFC 854).
pub fn send_urgent(stream: &TcpStream, bytes: &[u8]) {
    let sent = rustix::net::send(stream, bytes, SendFlags::OOB).unwrap();
    assert_eq!(sent, bytes.len());
}

/// Connects from a chosen IPv4 address.
pub fn connect_from(from: Ipv4Addr, to: SocketAddr) -> rustix::io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::from((from, 0)))?;
    rustix::net::connect(&socket, &to)?;
    Ok(socket.into())
}

/// An end in order would be an empty file for a client that is late for an aborted transfer of its own.
pub fn expect_reset(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let received = super::uninterrupted(|| Read::read(&mut stream, &mut [0; 16]));
    assert_eq!(
        received.map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionReset)
    );
}
