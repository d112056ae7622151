//! The doors, and the last step of an iteration: those at them are let in, or told why not.
//!
//! A bounded number each pass, so that a flood outside does not starve those inside. Who is refused
//! hears 421, but for those whose address must not be here at all: they hear nothing. Out of
//! descriptors, a door rests and is tried again by the clock: its edge is consumed, and the
//! kernel will not say a second time that somebody stands there.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use super::Reactor;
use super::admission::{ListenSocket, Protocol, Refusal};
use super::connection::{Connection, Phase};
use super::key::{Key, SocketRole};
use crate::cause::of_accepting;
use crate::limits::{ACCEPTS_PER_PASS, JOBS_WAITING};
use crate::net::{Channel, Listener, Stream};
use crate::protocol::reply::Reply;

impl Reactor {
    /// Listens at one more address, and says which (the port may have been 0).
    pub fn listen(&mut self, address: SocketAddr, protocol: Protocol) -> io::Result<SocketAddr> {
        let token = SocketRole::Listener(self.listen_sockets.len()).to_token();
        let listener = self.context.network.listen(address, token)?;
        Ok(self.add_socket(listener, protocol))
    }

    /// Takes a socket over that listens already, and says where.
    pub fn adopt(&mut self, socket: TcpListener, protocol: Protocol) -> io::Result<SocketAddr> {
        let token = SocketRole::Listener(self.listen_sockets.len()).to_token();
        let listener = self.context.network.adopt(socket, token)?;
        Ok(self.add_socket(listener, protocol))
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

    /// Whether there may be another one behind it.
    fn accept_one(&mut self, number: usize) -> bool {
        let now = self.context.now;
        let Some(socket) = self.listen_sockets.get_mut(number) else {
            return false;
        };
        if !socket.is_ready(now) {
            return false;
        }
        let key = self.connections.vacant_key();
        match socket.listener.accept(SocketRole::Control(key).to_token()) {
            Ok((stream, peer)) => {
                socket.accepted();
                let protocol = socket.protocol;
                self.welcome(key, Channel::clear(stream), peer, protocol);
                true
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    socket.would_block();
                    false
                }
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => true,
                _ => {
                    if socket.back_off(now) {
                        log::warn!("Cannot accept connections: {}", of_accepting(&error));
                    }
                    false
                }
            },
        }
    }

    fn welcome(&mut self, key: Key, mut stream: Channel, peer: SocketAddr, protocol: Protocol) {
        let is_proxy = self.context.is_proxy(peer.ip());
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
        self.connections.insert(connection);
        self.begin(key, protocol);
    }

    /// Who is let in is greeted, under TLS where that comes first.
    pub(super) fn begin(&mut self, key: Key, protocol: Protocol) {
        self.visit(key, |connection, context| {
            connection.greet(context);
            match protocol {
                Protocol::Ftp => Ok(()),
                Protocol::Ftps => connection.secure(context),
            }
        });
    }

    /// Whether a client with this address may be here at all, and now.
    pub(super) fn screen(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let context = &mut self.context;
        let (throttle, limits) = (&mut context.throttle, &context.settings.throttling);
        self.admission
            .screen(address, throttle, limits, context.now)?;
        if self.context.runner.outstanding() > JOBS_WAITING {
            return Err(Refusal::Overloaded);
        }
        Ok(())
    }

    /// Tells somebody why not, and leaves the closing to the caller.
    pub(super) fn refuse(
        &mut self,
        stream: &mut Channel,
        peer: SocketAddr,
        protocol: Protocol,
        refusal: Refusal,
    ) {
        self.admission.log(refusal, peer, self.context.now);
        if !refusal.is_said() || protocol == Protocol::Ftps {
            return;
        }
        let mut reply = Vec::new();
        Reply::service_not_available().write_to(&mut reply);
        // It fits into a new socket's buffer; a client that is gone does not miss it.
        let _ = stream.write(&reply);
        let _ = stream.shutdown();
        // Closed over what was not read, a proxy's header for one, it would be reset, and the reply
        // perhaps lost.
        let _ = stream.read(&mut self.context.input);
    }
}
