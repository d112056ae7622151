//! A client without a socket, and a channel of the server's over a [`Shared`] wire.
//!
//! Whoever has both decides when which bytes cross.

use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use mioftpd::net::tls::{Acceptor, ClientCertificates, SessionTag};
use mioftpd::net::{Channel, DataSession};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use crate::wire::Shared;
use crate::{ed25519, trusting};

pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// One that requires data connections to resume.
pub(crate) static ACCEPTOR: LazyLock<Acceptor> = LazyLock::new(|| {
    let clients = ClientCertificates::Off.verifier();
    Acceptor::new(&ed25519::credentials(), clients, DataSession::Require).unwrap()
});

/// A client.
pub(crate) struct Peer(pub(crate) ClientConnection);

impl Peer {
    pub(crate) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self::with(&Arc::new(trusting::config(&[version])))
    }

    pub(crate) fn with(config: &Arc<ClientConfig>) -> Self {
        let name = "localhost".try_into().unwrap();
        Self(ClientConnection::new(Arc::clone(config), name).unwrap())
    }

    /// Everything that it has to send.
    pub(crate) fn sends(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Encrypts.
    pub(crate) fn says(&mut self, text: &[u8]) -> Vec<u8> {
        self.0.writer().write_all(text).unwrap();
        self.sends()
    }

    /// What it is told by these records; and whether the end was announced.
    pub(crate) fn hears(&mut self, mut bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut text = Vec::new();
        let mut is_end = false;
        // An empty read would be the end of the connection.
        while !bytes.is_empty() && !is_end {
            self.0.read_tls(&mut bytes).unwrap();
            self.0.process_new_packets().unwrap();
            is_end = match self.0.reader().read_to_end(&mut text) {
                Ok(_) => true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                Err(error) => panic!("{error}"),
            };
        }
        (text, is_end)
    }
}

/// A control connection whose handshake begins.
pub(crate) fn control(wire: &Shared) -> (Channel, SessionTag) {
    let mut channel = Channel::clear(wire.socket());
    let (security, tag) = ACCEPTOR.control().unwrap();
    channel.secure(security);
    (channel, tag)
}

/// The same when the handshake is over, and the client has its tickets.
pub(crate) fn secured(version: &'static SupportedProtocolVersion) -> (Channel, Peer, Shared) {
    let wire = Shared::new();
    let (mut channel, _) = control(&wire);
    let mut peer = Peer::new(version);
    shake_hands(&mut channel, &mut peer, &wire).unwrap();
    (channel, peer, wire)
}

/// To the end of the handshake, or whatever ends it on the server's side.
pub(crate) fn shake_hands(channel: &mut Channel, peer: &mut Peer, wire: &Shared) -> io::Result<()> {
    for _ in 0..10 {
        wire.lock().inbound.extend(peer.sends());
        let step = channel.handshake();
        let answer = wire.take();
        peer.hears(&answer);
        match step {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            step => return step,
        }
    }
    panic!("no end of the handshake");
}
