//! The doors, and the last step of an iteration: those at them are let in, or told why not.
//!
//! A bounded number each pass, so that a flood outside does not starve those inside. Who is refused
//! hears 421, but for those whose address must not be here at all: they hear nothing. Out of
//! descriptors, a door rests and is tried again by the clock: its edge is consumed, and the
//! kernel will not say a second time that somebody stands there.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use super::Reactor;
use super::admission::{Door, Protocol, Refusal};
use super::connection::{Connection, Phase};
use super::key::{Key, Source};
use crate::cause::of_accepting;
use crate::limits::{ACCEPTS_PER_PASS, JOBS_WAITING};
use crate::net::{Channel, Listener, Stream};
use crate::protocol::reply::Reply;

impl Reactor {
    /// Listens at one more address, and says which (the port may have been 0).
    pub fn listen(&mut self, address: SocketAddr, protocol: Protocol) -> io::Result<SocketAddr> {
        let token = Source::Listener(self.doors.len()).to_token();
        let listener = self.services.network.listen(address, token)?;
        Ok(self.open_door(listener, protocol))
    }

    /// Takes a socket over that listens already, and says where.
    pub fn adopt(&mut self, socket: TcpListener, protocol: Protocol) -> io::Result<SocketAddr> {
        let token = Source::Listener(self.doors.len()).to_token();
        let listener = self.services.network.adopt(socket, token)?;
        Ok(self.open_door(listener, protocol))
    }

    fn open_door(&mut self, listener: Box<dyn Listener>, protocol: Protocol) -> SocketAddr {
        let door = Door::new(listener, protocol);
        let address = door.address();
        self.doors.push(door);
        address
    }

    pub(super) fn accept(&mut self) {
        for number in 0..self.doors.len() {
            for _ in 0..ACCEPTS_PER_PASS {
                if !self.accept_one(number) {
                    break;
                }
            }
        }
    }

    /// Whether there may be another one behind it.
    fn accept_one(&mut self, number: usize) -> bool {
        let now = self.services.now;
        let Some(door) = self.doors.get_mut(number) else {
            return false;
        };
        if !door.is_ready(now) {
            return false;
        }
        let key = self.connections.vacant_key();
        match door.listener.accept(Source::Control(key).to_token()) {
            Ok((stream, peer)) => {
                door.let_in();
                let protocol = door.protocol;
                self.welcome(key, Channel::clear(stream), peer, protocol);
                true
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    door.sleep();
                    false
                }
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => true,
                _ => {
                    if door.pause(now) {
                        log::warn!("Cannot accept connections: {}", of_accepting(&error));
                    }
                    false
                }
            },
        }
    }

    fn welcome(&mut self, key: Key, mut stream: Channel, peer: SocketAddr, protocol: Protocol) {
        let is_proxy = self.services.is_proxy(peer.ip());
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
            return self.await_preamble(key, stream, peer, protocol);
        }
        log::info!("Accepted new connection (address = {peer})");
        let connection = Connection::new(key, stream, peer, Phase::Open, &self.services);
        self.connections.insert(connection);
        self.begin(key, protocol);
    }

    /// Who is let in is greeted, under TLS where that comes first.
    pub(super) fn begin(&mut self, key: Key, protocol: Protocol) {
        self.visit(key, |connection, services| {
            connection.greet(services);
            match protocol {
                Protocol::Ftp => Ok(()),
                Protocol::Ftps => connection.secure(services),
            }
        });
    }

    /// Whether a client with this address may be here at all, and now.
    pub(super) fn screen(&mut self, address: IpAddr) -> Result<(), Refusal> {
        let services = &mut self.services;
        let (throttle, limits) = (&mut services.throttle, &services.settings.throttling);
        self.admission
            .screen(address, throttle, limits, services.now)?;
        if self.services.runner.outstanding() > JOBS_WAITING {
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
        self.admission.log(refusal, peer, self.services.now);
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
        let _ = stream.read(&mut self.services.input);
    }
}
