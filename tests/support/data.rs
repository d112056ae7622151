//! Data connections as a client arranges them (RFC 959 §3.2, RFC 2428), and the rough
//! things that a client can do to a socket: resets, urgent bytes, odd source addresses.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketType, sockopt};

use super::tls::{Link, TlsClient};
use super::{Control, DEADLINE, until};

/// A data channel that is arranged, and neither connected where the client listens, nor secured
/// where it is to be.
pub struct DataChannel {
    socket: Arranged,
    client: Option<TlsClient>,
}

enum Arranged {
    /// EPSV or PASV: the client has connected.
    Connected(TcpStream),
    /// PORT or EPRT: the server will connect.
    Listening(TcpListener),
}

impl DataChannel {
    /// Extended passive.
    pub fn epsv(control: &mut Control) -> Self {
        let port = epsv_port(control);
        Self::dial(control, port)
    }

    /// Passive, IPv4 only.
    pub fn pasv(control: &mut Control) -> Self {
        let port = pasv_port(control);
        Self::dial(control, port)
    }

    /// Active, IPv4 only.
    pub fn port(control: &mut Control) -> Self {
        let listener = TcpListener::bind((control.local().ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        control.command(&format!("PORT {}", host_port(address)), 200);
        Self::new(control, Arranged::Listening(listener))
    }

    /// Extended active.
    pub fn eprt(control: &mut Control) -> Self {
        // Not of the IP alone: a link-local one needs its link.
        let mut here = control.local();
        here.set_port(0);
        let listener = TcpListener::bind(here).unwrap();
        let address = listener.local_addr().unwrap();
        let family = if address.is_ipv4() { 1 } else { 2 };
        let (ip, port) = (address.ip(), address.port());
        control.command(&format!("EPRT |{family}|{ip}|{port}|"), 200);
        Self::new(control, Arranged::Listening(listener))
    }

    /// Closes the client's listener before the server connects.
    ///
    /// Dropped alone, it might still accept: a process that another test is starting has a copy of it
    /// until its `exec`.
    pub fn refuse(self) {
        if let Arranged::Listening(listener) = self.socket {
            rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
        }
    }

    /// Whether the client listens: the connection then comes after the command.
    pub fn is_active(&self) -> bool {
        matches!(self.socket, Arranged::Listening(_))
    }

    /// The same, secured by this client's TLS, or not at all.
    pub fn secured_by(mut self, client: Option<TlsClient>) -> Self {
        self.client = client;
        self
    }

    /// The connection, accepted and secured if need be. The server begins to secure it when it
    /// has said 150.
    pub fn link(self) -> Link {
        self.try_link().unwrap()
    }

    /// The connection, if it can be secured where it must.
    pub fn try_link(self) -> io::Result<Link> {
        match self.client.clone() {
            None => Ok(Link::Clear(self.stream())),
            Some(client) => client.handshake(self.stream()),
        }
    }

    /// The socket itself, accepted if need be and not secured.
    pub fn stream(self) -> TcpStream {
        let stream = match self.socket {
            Arranged::Connected(stream) => stream,
            Arranged::Listening(listener) => accept(&listener),
        };
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Everything that comes until the server closes.
    pub fn receive(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.link().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Sends and closes.
    pub fn send(self, bytes: &[u8]) {
        let mut link = self.link();
        link.write_all(bytes).unwrap();
        // Whether all of it was taken, the reply says.
        let _ = link.finish();
    }

    fn new(control: &Control, socket: Arranged) -> Self {
        let client = control.data_client();
        Self { socket, client }
    }

    fn dial(control: &Control, port: u16) -> Self {
        let mut address = control.socket().peer_addr().unwrap();
        address.set_port(port);
        let stream = TcpStream::connect_timeout(&address, DEADLINE);
        let stream = stream.unwrap_or_else(|e| control.fail(&format!("data port: {e}")));
        Self::new(control, Arranged::Connected(stream))
    }
}

/// EPSV without a connection to it.
pub fn epsv_port(control: &mut Control) -> u16 {
    let reply = control.command("EPSV", 229);
    let number = reply.text().split('|').nth(3).map(str::parse);
    match number {
        Some(Ok(port)) => port,
        _ => control.fail("not an EPSV reply"),
    }
}

/// PASV without a connection to it.
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

/// An IPv4 address as PORT writes it.
pub fn host_port(address: SocketAddr) -> String {
    let ip = address.ip().to_string().replace('.', ",");
    let [high, low] = address.port().to_be_bytes();
    format!("{ip},{high},{low}")
}

/// Waits for the server to connect, under the deadline.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let (stream, _) = until("the server's data connection", || listener.accept().ok());
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Everything until the end of the stream.
pub fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Closes, and the peer's system hears of it before anything that is done next.
///
/// A close alone may be late: a process that another test is starting has copies of all sockets
/// until its `exec`, and the connection ends when the last copy is closed.
pub fn end_connection(stream: TcpStream) {
    stream.shutdown(Shutdown::Write).ok();
    drop(stream);
}

/// Closes so that the peer sees a reset instead of an end, at once, too: connecting to nowhere
/// resets, however many copies there are.
pub fn abort_connection(stream: TcpStream) {
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    rustix::net::connect_unspec(&stream).unwrap();
    drop(stream);
}

/// Sends bytes of which the last is urgent (RFC 959 §3.5: the Telnet Synch).
pub fn send_urgent(stream: &TcpStream, bytes: &[u8]) {
    let sent = rustix::net::send(stream, bytes, SendFlags::OOB).unwrap();
    assert_eq!(sent, bytes.len());
}

/// Connects from a chosen loopback address.
pub fn connect_from(from: Ipv4Addr, to: SocketAddr) -> rustix::io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::from((from, 0)))?;
    rustix::net::connect(&socket, &to)?;
    Ok(socket.into())
}
