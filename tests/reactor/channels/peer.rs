//! A TLS client without a socket, and a server [`Channel`] over a [`Shared`] wire.
//!
//! The test moves the bytes between the two.

use std::io::{self, Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use mioftpd::DataSession;
use mioftpd::internals::net::Channel;
use mioftpd::internals::net::tls::{Acceptor, ClientCertificates, SessionTag};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use crate::channels::wire::Shared;
use crate::support::{ed25519, trusting};

pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Requires data connections to resume a session.
pub(crate) static ACCEPTOR: LazyLock<Acceptor> = LazyLock::new(|| {
    let clients = ClientCertificates::Off.verifier();
    Acceptor::new(&ed25519::credentials(), clients, DataSession::Require).unwrap()
});

/// A TLS client.
pub(crate) struct Peer(pub(crate) ClientConnection);

impl Peer {
    pub(crate) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self::with(&Arc::new(trusting::config(&[version])))
    }

    pub(crate) fn with(config: &Arc<ClientConfig>) -> Self {
        let name = "localhost".try_into().unwrap();
        Self(ClientConnection::new(Arc::clone(config), name).unwrap())
    }

    /// Takes all bytes that it has to send.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Encrypts a text and takes the bytes to send.
    pub(crate) fn encrypt(&mut self, text: &[u8]) -> Vec<u8> {
        self.0.writer().write_all(text).unwrap();
        self.take_output()
    }

    /// Decrypts these records. Returns the text, and whether `close_notify` was received.
    pub(crate) fn decrypt(&mut self, mut bytes: &[u8]) -> (Vec<u8>, bool) {
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

/// A control connection at the start of its handshake.
pub(crate) fn control(wire: &Shared) -> (Channel, SessionTag) {
    let mut channel = Channel::clear(wire.socket());
    let (security, tag) = ACCEPTOR.control().unwrap();
    channel.secure(security);
    (channel, tag)
}

/// A control connection after its handshake; the client has its tickets.
pub(crate) fn secured(version: &'static SupportedProtocolVersion) -> (Channel, Peer, Shared) {
    let wire = Shared::new();
    let (mut channel, _) = control(&wire);
    let mut peer = Peer::new(version);
    shake_hands(&mut channel, &mut peer, &wire).unwrap();
    (channel, peer, wire)
}

/// Runs the handshake until the server's side succeeds or fails.
pub(crate) fn shake_hands(channel: &mut Channel, peer: &mut Peer, wire: &Shared) -> io::Result<()> {
    for _ in 0..10 {
        wire.lock().inbound.extend(peer.take_output());
        let step = channel.handshake();
        let answer = wire.take();
        peer.decrypt(&answer);
        match step {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            step => return step,
        }
    }
    panic!("no end of the handshake");
}
