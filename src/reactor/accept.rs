//! The last step of an iteration: accepting connections at the server's own listen sockets.
//!
//! A bounded number of each socket in each pass, so that a flood of new connections does not starve those
//! that are there. A refused client is sent 421, unless its address must not connect at all: that is closed
//! in silence. When accept fails (out of descriptors), the socket backs off and is retried by a timer,
//! because its edge is consumed.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use super::Reactor;
use super::admission::{Protocol, Refusal};
use super::connection::{Connection, Phase};
use super::listen_socket::ListenSocket;
use super::socket_role::SocketRole;
use crate::cause::of_accepting;
use crate::event_loop::Key;
use crate::limits::{ACCEPTS_PER_PASS, JOBS_QUEUED};
use crate::metrics::TurnKind;
use crate::net::{Channel, Listener, Registration, Stream};
use crate::protocol::reply::Reply;

impl Reactor {
    /// Listens at one more address, and returns it with the port that the kernel chose if it was 0.
    pub fn listen(&mut self, address: SocketAddr, protocol: Protocol) -> io::Result<SocketAddr> {
        let token = SocketRole::Listener(self.listen_sockets.len()).to_token();
        let listener = self.context.io.network.listen(address, token)?;
        Ok(self.add_socket(listener, protocol))
    }

    /// Takes over a socket that listens already, and returns its address.
    pub fn adopt(&mut self, socket: TcpListener, protocol: Protocol) -> io::Result<SocketAddr> {
        let token = SocketRole::Listener(self.listen_sockets.len()).to_token();
        let listener = self.context.io.network.adopt(socket, token)?;
        Ok(self.add_socket(listener, protocol))
    }

    /// Takes over a connection that another program has accepted.
    pub fn admit(&mut self, socket: TcpStream, protocol: Protocol) -> io::Result<()> {
        let key = self.connections.vacant_key();
        let token = SocketRole::Control(key).to_token();
        let (mut stream, peer) = self.context.io.network.take_over(socket, token)?;
        stream.register(Registration::Both)?;
        self.welcome(key, Channel::clear(stream), peer, protocol);
        Ok(())
    }

    fn add_socket(&mut self, listener: Box<dyn Listener>, protocol: Protocol) -> SocketAddr {
        let socket = ListenSocket::new(listener, protocol);
        let address = socket.address();
        self.listen_sockets.push(socket);
        address
    }

    pub(super) fn accept(&mut self) {
        for number in 0..self.listen_sockets.len() {
            for _ in 0..ACCEPTS_PER_PASS {
                if !self.accept_one(number) {
                    break;
                }
            }
        }
    }

    /// Returns whether the backlog may have another connection.
    fn accept_one(&mut self, number: usize) -> bool {
        let now = self.context.now;
        let Some(socket) = self.listen_sockets.get_mut(number) else {
            return false;
        };
        if !socket.backlog.is_ready(now) {
            return false;
        }
        let key = self.connections.vacant_key();
        let token = SocketRole::Control(key).to_token();
        let accepted = socket
            .listener
            .accept(token)
            .and_then(|(mut stream, peer)| {
                // For as long as the connection exists.
                stream.register(Registration::Both)?;
                Ok((stream, peer))
            });
        match accepted {
            Ok((stream, peer)) => {
                socket.backlog.accepted();
                let protocol = socket.protocol;
                self.welcome(key, Channel::clear(stream), peer, protocol);
                true
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    socket.backlog.would_block();
                    false
                }
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => true,
                _ => {
                    self.context.io.passive_pool.close_idle(now);
                    if socket.backlog.back_off(now) {
                        log::warn!("Cannot accept connections: {}", of_accepting(&error));
                    }
                    false
                }
            },
        }
    }

    fn welcome(&mut self, key: Key, mut stream: Channel, peer: SocketAddr, protocol: Protocol) {
        let is_proxy = self.context.policy.is_proxy(peer.ip());
        let admitted = if is_proxy {
            self.admission.enter()
        } else {
            let screened = self.screen(peer.ip());
            screened.and_then(|()| self.admission.admit(peer.ip()))
        };
        if let Err(refusal) = admitted {
            return self.refuse(&mut stream, peer, protocol, refusal);
        }
        if is_proxy {
            return self.await_proxy_header(key, stream, peer, protocol);
        }
        log::info!("Accepted new connection (address = {peer})");
        let connection = Connection::new(key, stream, peer, Phase::Open, &self.context);
        self.insert(connection);
        self.begin(key, protocol);
    }

    /// Stores a connection that was made with the vacant key.
    pub(super) fn insert(&mut self, connection: Connection) {
        let made_with = connection.key();
        let key = self.connections.insert(connection);
        // Its sockets are registered under that key: another one would misdirect every event.
        assert_eq!(key, made_with, "a connection is stored under another key");
    }

    /// Begins the session of an admitted client: the greeting, or TLS where that comes first.
    pub(super) fn begin(&mut self, key: Key, protocol: Protocol) {
        self.context.activity.connections += 1;
        self.run_turn(key, TurnKind::Greeting, |connection, context| {
            context.counts.peer(connection.peer());
            connection.greet(context);
            if protocol == Protocol::Ftps {
                connection.secure(context)?;
            }
            Ok(None)
        });
    }

    /// Whether a client with this address may connect at all, and now.
    pub(super) fn screen(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let context = &mut self.context;
        let limits = &context.policy.settings.throttling;
        let throttle = &mut context.limiters.throttle;
        self.admission
            .screen(address, throttle, limits, context.now)?;
        if context.io.runner.outstanding() > JOBS_QUEUED {
            return Err(Refusal::Overloaded);
        }
        Ok(())
    }

    /// Sends a refused client the reason. The caller closes the connection.
    pub(super) fn refuse(
        &mut self,
        stream: &mut Channel,
        peer: SocketAddr,
        protocol: Protocol,
        refusal: Refusal,
    ) {
        self.context.counts.refused(refusal.label());
        self.admission.log(refusal, peer, self.context.now);
        if !refusal.is_said() || protocol == Protocol::Ftps {
            return;
        }
        let mut reply = Vec::new();
        Reply::service_not_available().write_to(&mut reply);
        // It fits the buffer of a new socket; a client that is gone does not miss it.
        let _ = stream.write(&reply);
        let _ = stream.shutdown();
        // Closing with unread input, such as a PROXY header, is a reset, which can destroy the reply.
        let _ = stream.read(self.context.scratch.input.spare());
    }
}
