//! Who listens, who comes, and how two become connected.
//!
//! Clients come to the server's listeners; the server comes to the ports that clients have told
//! it. A connection stands in a listener's backlog, complete, until it is accepted.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use mioftpd::net::Token;

use super::sockets::SHELTERED;
use super::wire::{Line, Wire};
use super::{Blow, Occurrence, Side, Watched, WireId, World};

pub(crate) type PostId = u64;

/// The first port for passive listeners.
pub(crate) const FIRST_PORT: u16 = 50_000;

/// From where the server connects that does not say from where.
const ANY_PORT: u16 = 40_000;

/// `EMFILE`.
const NO_DESCRIPTOR: i32 = 24;

/// A listener of the server's.
pub(super) struct Post {
    pub(super) address: SocketAddr,
    pub(super) token: Token,
    pub(super) backlog: VecDeque<WireId>,
}

/// What the server meets where a client said that it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientPort {
    /// This client, who accepts.
    Open(usize),
    /// No answer, ever.
    Hole,
}

impl World {
    pub(crate) fn listen(
        &mut self,
        mut address: SocketAddr,
        token: Token,
    ) -> io::Result<(PostId, SocketAddr)> {
        if address.port() == 0 {
            address.set_port(self.some_free_port());
        }
        if self.fault(|weather| weather.no_descriptor) {
            self.strike(Blow::Descriptor);
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        if self.posts.values().any(|post| post.address == address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let id = self.new_id();
        let backlog = VecDeque::new();
        self.posts.insert(
            id,
            Post {
                address,
                token,
                backlog,
            },
        );
        Ok((id, address))
    }

    /// As the system would choose it, but soon again: who comes late may find another there.
    fn some_free_port(&mut self) -> u16 {
        let taken: Vec<_> = self
            .posts
            .values()
            .map(|post| post.address.port())
            .collect();
        let free = |port: &u16| !taken.contains(port);
        let ports: Vec<_> = (FIRST_PORT..).filter(free).take(4).collect();
        self.rng.pick(&ports)
    }

    pub(crate) fn accept(&mut self, id: PostId, token: Token) -> io::Result<(WireId, SocketAddr)> {
        if self.fault(|weather| weather.no_descriptor) {
            self.note(|| "no descriptor to accept with".to_owned());
            self.strike(Blow::Descriptor);
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        let post = self.posts.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        let wire = post.backlog.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        self.progress += 1;
        let sheltered = self.wire(wire).is_some_and(|wire| wire.sheltered);
        if !sheltered && self.fault(|weather| weather.gone) {
            self.cut(wire, Side::Server);
            self.close(wire, Side::Server);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.make_ready(Watched::Wire(wire));
        let now = self.moment();
        let entry = self.wire(wire).ok_or(io::ErrorKind::ConnectionAborted)?;
        entry.facts.taken = Some(now);
        entry.token = Some(token);
        entry.post = Some(id);
        let peer = entry.client.address;
        let is_at_door = entry.is_at_door();
        self.note(|| format!("wire {wire} of {peer} is accepted"));
        if is_at_door {
            self.note_accepted(wire);
        }
        Ok((wire, peer))
    }

    pub(crate) fn close_post(&mut self, id: PostId) {
        self.ready.retain(|one| *one != Watched::Post(id));
        let Some(post) = self.posts.remove(&id) else {
            return;
        };
        self.note_closed_port(post.address.port());
        for wire in post.backlog {
            self.reset_on_close(wire, Side::Server);
            self.close(wire, Side::Server);
        }
    }

    /// A client sets out to the server.
    pub(crate) fn dial_server(&mut self, owner: usize, from: SocketAddr, to: SocketAddr) -> WireId {
        let id = self.new_wire(Wire::new(to, from, owner, self.weather.capacity));
        self.note(|| format!("client {owner} dials {to}: wire {id}"));
        id
    }

    /// As [`dial_server`](Self::dial_server), where no fault reaches.
    pub(crate) fn dial_server_sheltered(
        &mut self,
        owner: usize,
        from: SocketAddr,
        to: SocketAddr,
    ) -> WireId {
        let mut wire = Wire::new(to, from, owner, 64 * 1024);
        wire.sheltered = true;
        self.new_wire(wire)
    }

    /// The server sets out to a client.
    pub(crate) fn dial_client(
        &mut self,
        mut from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<WireId> {
        if from.port() == 0 {
            from.set_port(ANY_PORT);
        } else {
            let pair = (from, to);
            let mut wires = self.wires.values();
            if wires.any(|wire| (wire.server.address, wire.client.address) == pair) {
                return Err(io::ErrorKind::AddrNotAvailable.into());
            }
            // Not drawn: what comes of a seed does not depend on the key.
            if to.port().is_multiple_of(8) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
        }
        if self.fault(|weather| weather.no_descriptor) {
            self.strike(Blow::Descriptor);
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        // Owned by nobody until somebody answers.
        let mut wire = Wire::new(from, to, usize::MAX, self.weather.capacity);
        wire.token = Some(token);
        Ok(self.new_wire(wire))
    }

    pub(crate) fn knock(&mut self, id: WireId) {
        let Some(wire) = self.wires.get(&id) else {
            return;
        };
        if wire.server.closed {
            // Whom its answer finds has given it up.
            return self.remove_wire(id);
        }
        if wire.token.is_some() {
            let to = wire.client.address;
            return self.knock_at_client(id, to);
        }
        let (to, owner) = (wire.server.address, wire.owner);
        let found = self.posts.iter_mut().find(|(_, post)| post.address == to);
        if let Some((&post, entry)) = found {
            entry.backlog.push_back(id);
            self.stand(id);
            self.make_ready(Watched::Post(post));
        } else {
            self.refuse(id, Side::Client);
        }
        self.notify_client(owner);
    }

    /// Where a client listens, from now on.
    pub(crate) fn open_client_port(&mut self, address: SocketAddr, port: ClientPort) {
        self.client_ports.insert(address, port);
    }

    pub(crate) fn close_client_port(&mut self, address: SocketAddr) {
        self.client_ports.remove(&address);
    }

    /// The connection that has come to a client's port.
    pub(crate) fn find_arrival(&self, at: SocketAddr) -> Option<WireId> {
        let arrived = |(_, wire): &(&WireId, &Wire)| {
            wire.client.address == at && wire.client.line == Line::Up && !wire.client.closed
        };
        self.wires.iter().find(arrived).map(|(&id, _)| id)
    }

    /// A listener that is not one of `doors`, if there is one: a passive one.
    pub(crate) fn some_passive_post(&mut self, doors: &[SocketAddr]) -> Option<SocketAddr> {
        let addresses = self.posts.values().map(|post| post.address);
        let passive: Vec<_> = addresses.filter(|one| !doors.contains(one)).collect();
        (!passive.is_empty()).then(|| self.rng.pick(&passive))
    }

    fn knock_at_client(&mut self, id: WireId, to: SocketAddr) {
        match self.client_ports.get(&to).copied() {
            Some(ClientPort::Open(client)) => {
                let now = self.moment();
                if let Some(wire) = self.wires.get_mut(&id) {
                    wire.owner = client;
                    wire.facts.taken = Some(now);
                }
                self.stand(id);
                self.notify_client(client);
                self.notify(id, Side::Server);
            }
            Some(ClientPort::Hole) => {}
            None => self.refuse(id, Side::Server),
        }
    }

    /// Both ends are connected.
    fn stand(&mut self, id: WireId) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.server.line = Line::Up;
            wire.client.line = Line::Up;
        }
    }

    fn refuse(&mut self, id: WireId, side: Side) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.end(side.other()).closed = true;
            wire.end(side).line = Line::Broken(io::ErrorKind::ConnectionRefused);
        }
        self.note(|| format!("wire {id} is refused"));
        self.notify(id, side);
    }

    fn new_wire(&mut self, mut wire: Wire) -> WireId {
        let id = self.new_id();
        let sheltered = wire.sheltered;
        // Each connection has a way of its own, and another back: some are quick beside the others.
        for side in [Side::Server, Side::Client] {
            let quicker = self.rng.pick(&[1, 1, 4, 40]);
            wire.end(side).inbound.delay = self.weather.delay / quicker;
        }
        self.wires.insert(id, wire);
        let after = if sheltered {
            SHELTERED
        } else {
            self.rng.time(self.weather.delay)
        };
        self.plan(after, Occurrence::Knock(id));
        id
    }
}
