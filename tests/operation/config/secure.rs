//! The client side of a control connection over TLS. It accepts every server certificate.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::support::{Control, DEADLINE, Server, trusting, uninterrupted};

/// A client certificate and its key.
pub(crate) type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn config(identity: Option<Identity>) -> Arc<ClientConfig> {
    let config = trusting::builder(rustls::DEFAULT_VERSIONS);
    Arc::new(match identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => config
            .with_client_auth_cert(vec![certificate], key)
            .unwrap(),
    })
}

/// A TLS stream; the handshake starts with the first read or write.
pub(crate) fn over_tls(
    stream: TcpStream,
    identity: Option<Identity>,
) -> StreamOwned<ClientConnection, TcpStream> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(config(identity), name).unwrap();
    StreamOwned::new(tls, stream)
}

/// A control connection over TLS.
pub(crate) struct Secure {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Secure {
    /// Over a connection with implicit TLS, or after AUTH.
    pub(crate) fn over(stream: TcpStream, identity: Option<Identity>) -> Self {
        let stream = BufReader::new(over_tls(stream, identity));
        Self { stream }
    }

    /// After AUTH TLS.
    pub(crate) fn auth(server: &Server, identity: Option<Identity>) -> Self {
        let mut control = Control::connect(server.address());
        control.command("AUTH TLS", 234);
        Self::over(control.socket().try_clone().unwrap(), identity)
    }

    /// The next reply, of one line; `None` at the end of the connection.
    pub(crate) fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line).ok()?;
        (length > 0).then_some(line)
    }

    /// Sends a command, and expects a reply of one line.
    pub(crate) fn command(&mut self, line: &str, code: u16) -> String {
        let sent = write!(self.stream.get_mut(), "{line}\r\n");
        sent.unwrap_or_else(|error| panic!("{line}: {error}"));
        let reply = self.try_line();
        let reply = reply.unwrap_or_else(|| panic!("{line}: no reply"));
        assert!(reply.starts_with(&code.to_string()), "{line}: {reply}");
        reply
    }

    /// Whether the server accepts the handshake.
    pub(crate) fn is_accepted(&mut self) -> bool {
        write!(self.stream.get_mut(), "NOOP\r\n").is_ok() && self.try_line().is_some()
    }

    /// The server certificate, DER.
    pub(crate) fn certificate(&mut self) -> Vec<u8> {
        self.command("NOOP", 200);
        let shown = self.stream.get_ref().conn.peer_certificates();
        shown.unwrap()[0].as_ref().to_vec()
    }

    /// Ends TLS and continues in clear text, after the 200 to CCC.
    pub(crate) fn into_clear(self) -> Control {
        let mut stream = self.stream.into_inner();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        // The server sends close_notify too.
        assert_eq!(uninterrupted(|| stream.read(&mut [0])).unwrap(), 0);
        Control::over(stream.sock)
    }

    /// The address of the server.
    pub(crate) fn peer(&self) -> std::net::SocketAddr {
        self.stream.get_ref().sock.peer_addr().unwrap()
    }
}
