//! Data connections and transfers of the probe, over a [`Client`] that is logged in.
//!
//! [`Session::transfer`] runs one command and says all that was seen of it, also of a failure. What breaks
//! the control connection is an error. It must not know what is checked.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_linger, set_socket_timeout};

use super::client::{Broken, Client, Reply};
use super::timed_socket::TimedSocket;
use super::tls::{Handshake, Tls};
use super::wire::Wire;
use crate::bench::client::{extended_port, passive_address, port_command};
use crate::cause::cause;

/// The most that is read from a data connection.
pub(super) const DOWNLOAD_BYTES: u64 = 16 * 1024 * 1024;

/// What a data connection may take, in time-outs.
const TRANSFER_TIMEOUTS: u32 = 6;

/// How data connections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// EPSV.
    Extended,
    /// PASV.
    Passive,
    /// PORT or EPRT.
    Active,
}

/// What passes over the data connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// The server sends.
    Receive,
    /// The client sends, and ends in order.
    Send(&'a [u8]),
    /// The client sends, and cuts the connection by a reset.
    SendAndCut(&'a [u8]),
}

/// What was seen of a transfer.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    /// The reply 1xx.
    pub(super) preliminary: Option<Reply>,
    /// The last reply; `None` if there was no way to a data connection.
    pub(super) last: Option<Reply>,
    /// What the server sent.
    pub(super) bytes: Vec<u8>,
    /// Whether the data connection resumed the TLS session.
    pub(super) is_resumed: bool,
    /// What went wrong with the data connection.
    pub(super) trouble: Option<String>,
    /// Where the server connected from, in active mode.
    pub(super) from: Option<SocketAddr>,
    /// There was more than is read of any server, and the connection was closed before its end.
    pub(super) is_long: bool,
    /// The TLS connection ended without `close_notify`.
    pub(super) is_truncated: bool,
}

impl Transfer {
    /// Whether all went well.
    pub(super) fn is_complete(&self) -> bool {
        !self.is_long
            && self.trouble.is_none()
            && self.last.as_ref().is_some_and(Reply::is_positive)
    }

    /// Whether all went well, or the data was too long to be read to its end.
    pub(super) fn has_data(&self) -> bool {
        self.is_long || self.is_complete()
    }

    /// Whether the command was refused before there was any data.
    pub(super) fn is_refused(&self) -> bool {
        self.preliminary.is_none() && self.last.as_ref().is_some_and(Reply::is_negative)
    }

    /// What the server said, or what went wrong with the data connection.
    pub(super) fn outcome(&self) -> String {
        match (&self.trouble, &self.last) {
            (Some(trouble), None) => trouble.clone(),
            (Some(trouble), Some(last)) => format!("{trouble}, then '{}'", last.shown),
            (None, Some(last)) => format!("'{}'", last.shown),
            (None, None) => "nothing".to_owned(),
        }
    }
}

/// A data connection, before or after the server has made it.
pub(super) enum Link {
    /// Connected.
    Open(TimedSocket),
    /// The server connects.
    Listening(TcpListener),
}

/// A control connection that is logged in.
pub(super) struct Session<'a> {
    /// The control connection.
    pub(super) client: Client,
    /// How data connections are made.
    pub(super) mode: Mode,
    /// How data connections are protected, if they are.
    pub(super) protection: Option<(&'a Tls, Handshake)>,
}

impl Session<'_> {
    /// Sends a command and reads its reply.
    pub(super) fn command(&mut self, command: impl AsRef<[u8]>) -> Result<Reply, Broken> {
        self.client.command(command)
    }

    /// Arranges a data connection; the text says why there is none.
    pub(super) fn open(&mut self) -> Result<Result<Link, String>, Broken> {
        match self.mode {
            Mode::Extended => {
                let reply = self.command("EPSV")?;
                let port = extended_port(&reply.lines).filter(|_| reply.is_positive());
                let Some(port) = port else {
                    // As clients do.
                    self.mode = Mode::Passive;
                    return self.open();
                };
                let address = SocketAddr::new(self.peer()?.ip(), port);
                Ok(self.connect(Some(address), &reply))
            }
            Mode::Passive => {
                let reply = self.command("PASV")?;
                let peer = self.peer()?;
                // Clients use the address of the control connection, if the other is of no use.
                let port = passive_address(&reply.lines).map(|found| found.port());
                let address = port.map(|port| SocketAddr::new(peer.ip(), port));
                Ok(self.connect(address, &reply))
            }
            Mode::Active => self.listen(),
        }
    }

    fn connect(&self, address: Option<SocketAddr>, reply: &Reply) -> Result<Link, String> {
        let Some(address) = address.filter(|_| reply.is_positive()) else {
            return Err(format!("no data connection: '{}'", reply.shown));
        };
        let socket = TimedSocket::connect(address, self.client.timeout());
        let port = address.port();
        let unreachable = |error| format!("port {port} is unreachable: {}", cause(&error));
        socket.map(Link::Open).map_err(unreachable)
    }

    fn listen(&mut self) -> Result<Result<Link, String>, Broken> {
        let local = self.client.socket().local_addr();
        let listener = local.and_then(|local| {
            let listener = TcpListener::bind((local.ip(), 0))?;
            set_socket_timeout(&listener, Timeout::Recv, Some(self.client.timeout()))?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = listener.map_err(|error| self.client.broken(&error))?;
        let reply = self.command(port_command(address))?;
        let link = Link::Listening(listener);
        let refused = || format!("no data connection: '{}'", reply.shown);
        Ok(reply.is_positive().then_some(link).ok_or_else(refused))
    }

    /// The server's address.
    pub(super) fn peer(&self) -> Result<SocketAddr, Broken> {
        let peer = self.client.socket().peer_addr();
        peer.map_err(|error| self.client.broken(&error))
    }

    /// Runs a command with a data connection.
    pub(super) fn transfer(
        &mut self,
        command: impl AsRef<[u8]>,
        body: Body<'_>,
    ) -> Result<Transfer, Broken> {
        match self.open()? {
            Ok(link) => self.transfer_over(link, command, body),
            Err(trouble) => Ok(Transfer {
                trouble: Some(trouble),
                ..Transfer::default()
            }),
        }
    }

    /// Reads a whole file or listing; `None` if it failed.
    pub(super) fn download(
        &mut self,
        command: impl AsRef<[u8]>,
    ) -> Result<Option<Vec<u8>>, Broken> {
        let transfer = self.transfer(command, Body::Receive)?;
        Ok(transfer.is_complete().then_some(transfer.bytes))
    }

    /// Runs a command over a data connection.
    pub(super) fn transfer_over(
        &mut self,
        link: Link,
        command: impl AsRef<[u8]>,
        body: Body<'_>,
    ) -> Result<Transfer, Broken> {
        let mut transfer = Transfer::default();
        let first = self.command(command)?;
        if first.is_negative() {
            transfer.last = Some(first);
            return Ok(transfer);
        }
        let is_final = first.code >= 200;
        if let Err(error) = self.move_bytes(link, body, &mut transfer) {
            let text = cause(&error).to_string();
            transfer.trouble = Some(format!("the data connection failed: {text}"));
        }
        if is_final {
            transfer.last = Some(first);
        } else {
            transfer.preliminary = Some(first);
            transfer.last = Some(self.client.final_reply()?);
        }
        Ok(transfer)
    }

    /// Makes the data connection, with TLS if it is protected.
    pub(super) fn connected(&self, link: Link, transfer: &mut Transfer) -> io::Result<Wire> {
        let mut socket = match link {
            Link::Open(socket) => socket,
            Link::Listening(listener) => {
                let (socket, from) = listener.accept()?;
                transfer.from = Some(from);
                TimedSocket::new(socket, self.client.timeout())?
            }
        };
        socket.allow(self.client.timeout() * TRANSFER_TIMEOUTS);
        let Some((tls, handshake)) = self.protection else {
            return Ok(Wire::Clear(socket));
        };
        let secured = tls.connect(socket, handshake)?;
        transfer.is_resumed = secured.is_resumed();
        Ok(Wire::Secure(Box::new(secured)))
    }

    fn move_bytes(&self, link: Link, body: Body<'_>, transfer: &mut Transfer) -> io::Result<()> {
        let mut wire = self.connected(link, transfer)?;
        match body {
            Body::Receive => {
                let mut limited = (&mut wire).take(DOWNLOAD_BYTES + 1);
                let read = limited.read_to_end(&mut transfer.bytes).map(|_| ());
                let is_cut = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
                transfer.is_truncated =
                    self.protection.is_some() && read.as_ref().is_err_and(is_cut);
                if !transfer.is_truncated {
                    read?;
                }
                transfer.is_long = transfer.bytes.len() as u64 > DOWNLOAD_BYTES;
                wire.end();
            }
            Body::Send(bytes) => {
                wire.write_all(bytes)?;
                wire.flush()?;
                wire.end();
                // The end of the server, so that it has read all. It may reset the connection instead.
                let _ = wire.read(&mut [0; 16]);
            }
            Body::SendAndCut(bytes) => {
                wire.write_all(bytes)?;
                wire.flush()?;
                cut(wire.socket())?;
            }
        }
        Ok(())
    }
}

/// Makes the close of a socket a reset.
pub(super) fn cut(socket: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(socket, Some(Duration::ZERO))?)
}
