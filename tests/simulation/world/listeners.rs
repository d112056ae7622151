//! Listeners, connection attempts, and how connections are established.
//!
//! Clients connect to the server's listeners; the server connects to client ports (active mode). A
//! connection waits in the listener's backlog, established, until it is accepted.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::internals::net::{Registration, Token};

use super::connection::{Connection, LinkState};
use super::sockets::FAULT_FREE_DELAY;
use super::{ConnectionId, FaultKind, PollSource, Side, SimEvent, World};

pub(crate) type ListenerId = u64;

/// The first port for passive listeners.
pub(crate) const FIRST_PORT: u16 = 50_000;

/// Source port of a connection that the server did not bind.
const ANY_PORT: u16 = 40_000;

/// `EMFILE`.
const NO_DESCRIPTOR: i32 = 24;

/// A listening socket of the server.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) token: Token,
    pub(super) backlog: VecDeque<ConnectionId>,
}

/// What an active-mode connection of the server meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientPort {
    /// This client accepts.
    Open(usize),
    /// Packets are dropped.
    Hole,
}

impl World {
    pub(crate) fn listen(
        &mut self,
        mut address: SocketAddr,
        token: Token,
    ) -> io::Result<(ListenerId, SocketAddr)> {
        if address.port() == 0 {
            address.set_port(self.some_free_port());
        }
        if self.inject_fault(|plan| plan.no_descriptor) {
            self.record_fault(FaultKind::Descriptor);
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        if self
            .listeners
            .values()
            .any(|listener| listener.address == address)
        {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let id = self.new_id();
        let backlog = VecDeque::new();
        self.listeners.insert(
            id,
            Listener {
                address,
                token,
                backlog,
            },
        );
        Ok((id, address))
    }

    /// An ephemeral port, reused early, so that a late connection may meet another listener.
    fn some_free_port(&mut self) -> u16 {
        let taken: Vec<_> = self
            .listeners
            .values()
            .map(|listener| listener.address.port())
            .collect();
        let free = |port: &u16| !taken.contains(port);
        let ports: Vec<_> = (FIRST_PORT..).filter(free).take(4).collect();
        self.rng.pick(&ports)
    }

    pub(crate) fn accept(
        &mut self,
        id: ListenerId,
        token: Token,
    ) -> io::Result<(ConnectionId, SocketAddr)> {
        if self.inject_fault(|plan| plan.no_descriptor) {
            self.note(|| "no descriptor to accept with".to_owned());
            self.record_fault(FaultKind::Descriptor);
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        let listener = self.listeners.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        let connection = listener
            .backlog
            .pop_front()
            .ok_or(io::ErrorKind::WouldBlock)?;
        self.progress += 1;
        let fault_free = self
            .connection(connection)
            .is_some_and(|connection| connection.fault_free);
        if !fault_free && self.inject_fault(|plan| plan.accept_aborted) {
            self.cut(connection, Side::Server);
            self.close(connection, Side::Server);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let now = self.moment();
        let entry = self
            .connection(connection)
            .ok_or(io::ErrorKind::ConnectionAborted)?;
        entry.facts.accepted = Some(now);
        entry.token = Some(token);
        entry.listener = Some(id);
        let peer = entry.client.address;
        let is_control = entry.is_control();
        self.note(|| format!("connection {connection} of {peer} is accepted"));
        if is_control {
            self.note_accepted(connection);
        }
        Ok((connection, peer))
    }

    /// The server gives a connection to the session that the token names.
    pub(crate) fn rename(&mut self, id: ConnectionId, token: Token) {
        let control = Token::new(token.key(), 0);
        let mut held = self.connections.values().filter(|one| one.is_held());
        let session = held
            .find(|one| one.token == Some(control))
            .map(|one| one.owner);
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.token = Some(token);
        connection.given_to = session;
        self.tally.renamed(id, token);
        let is_registered = connection.registration != Registration::None;
        let is_recent = connection
            .asked
            .is_none_or(|asked| now < asked + self.tally.times.late_connection());
        let is_swapped = session != Some(connection.owner) && is_recent;
        if is_registered || is_swapped {
            let owner = connection.owner;
            self.violate(format!(
                "connection {id} of client {owner} is given to {session:?}"
            ));
        }
    }

    pub(crate) fn close_listener(&mut self, id: ListenerId) {
        self.ready.retain(|one| *one != PollSource::Listener(id));
        let Some(listener) = self.listeners.remove(&id) else {
            return;
        };
        for connection in listener.backlog {
            self.reset_on_close(connection, Side::Server);
            self.close(connection, Side::Server);
        }
    }

    /// A client connects to the server.
    pub(crate) fn dial_server(
        &mut self,
        owner: usize,
        from: SocketAddr,
        to: SocketAddr,
    ) -> ConnectionId {
        let id = self.new_connection(Connection::new(to, from, owner, self.fault_plan.capacity));
        self.note(|| format!("client {owner} dials {to}: connection {id}"));
        id
    }

    /// The client asked for the port of this connection at that time.
    pub(crate) fn asked_for_port(&mut self, id: ConnectionId, at: Duration) {
        if let Some(connection) = self.connection(id) {
            connection.asked = Some(at);
        }
    }

    /// As [`dial_server`](Self::dial_server), exempt from faults.
    pub(crate) fn dial_server_fault_free(
        &mut self,
        owner: usize,
        from: SocketAddr,
        to: SocketAddr,
    ) -> ConnectionId {
        let mut connection = Connection::new(to, from, owner, 64 * 1024);
        connection.fault_free = true;
        self.new_connection(connection)
    }

    /// The server connects to a client.
    pub(crate) fn dial_client(
        &mut self,
        mut from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<ConnectionId> {
        if from.port() == 0 {
            from.set_port(ANY_PORT);
        } else {
            let pair = (from, to);
            let mut connections = self.connections.values();
            if connections
                .any(|connection| (connection.server.address, connection.client.address) == pair)
            {
                return Err(io::ErrorKind::AddrNotAvailable.into());
            }
            // Not drawn, so that the random sequence is the same with and without a bound port.
            if to.port().is_multiple_of(8) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
        }
        if self.inject_fault(|plan| plan.no_descriptor) {
            self.record_fault(FaultKind::Descriptor);
            return Err(io::Error::from_raw_os_error(NO_DESCRIPTOR));
        }
        // It has no owner until a client accepts.
        let mut connection = Connection::new(from, to, usize::MAX, self.fault_plan.capacity);
        connection.token = Some(token);
        Ok(self.new_connection(connection))
    }

    pub(crate) fn deliver_connection(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        if connection.server.closed {
            // The server has given up the attempt.
            return self.remove_connection(id);
        }
        if connection.token.is_some() {
            let to = connection.client.address;
            return self.deliver_to_client(id, to);
        }
        let (to, owner) = (connection.server.address, connection.owner);
        let found = self
            .listeners
            .iter_mut()
            .find(|(_, listener)| listener.address == to);
        if let Some((&listener, entry)) = found {
            entry.backlog.push_back(id);
            self.establish(id);
            self.make_ready(PollSource::Listener(listener));
        } else {
            self.refuse(id, Side::Client);
        }
        self.notify_client(owner);
    }

    /// A client starts to listen.
    pub(crate) fn open_client_port(&mut self, address: SocketAddr, port: ClientPort) {
        self.client_ports.insert(address, port);
    }

    pub(crate) fn close_client_port(&mut self, address: SocketAddr) {
        self.client_ports.remove(&address);
    }

    /// The connection that arrived at a client's port.
    pub(crate) fn find_arrival(&self, at: SocketAddr) -> Option<ConnectionId> {
        let arrived = |(_, connection): &(&ConnectionId, &Connection)| {
            connection.client.address == at
                && connection.client.link == LinkState::Up
                && !connection.client.closed
        };
        self.connections.iter().find(arrived).map(|(&id, _)| id)
    }

    /// Whether listeners are open that are none of `listen_addresses`: they stay for a while.
    pub(crate) fn has_passive_listeners(&self, listen_addresses: &[SocketAddr]) -> bool {
        let mut listeners = self.listeners.values();
        listeners.any(|listener| !listen_addresses.contains(&listener.address))
    }

    /// A passive listener, if there is one: not one of `listen_addresses`.
    pub(crate) fn some_passive_listener(
        &mut self,
        listen_addresses: &[SocketAddr],
    ) -> Option<SocketAddr> {
        let addresses = self.listeners.values().map(|listener| listener.address);
        let passive: Vec<_> = addresses
            .filter(|one| !listen_addresses.contains(one))
            .collect();
        (!passive.is_empty()).then(|| self.rng.pick(&passive))
    }

    fn deliver_to_client(&mut self, id: ConnectionId, to: SocketAddr) {
        match self.client_ports.get(&to).copied() {
            Some(ClientPort::Open(client)) => {
                let now = self.moment();
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.owner = client;
                    connection.facts.accepted = Some(now);
                }
                self.establish(id);
                self.notify_client(client);
                self.notify(id, Side::Server);
            }
            Some(ClientPort::Hole) => {}
            None => self.refuse(id, Side::Server),
        }
    }

    /// Establishes both ends.
    fn establish(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.server.link = LinkState::Up;
            connection.client.link = LinkState::Up;
        }
    }

    fn refuse(&mut self, id: ConnectionId, side: Side) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.end(side.other()).closed = true;
            connection.end(side).link = LinkState::Broken(io::ErrorKind::ConnectionRefused);
        }
        self.note(|| format!("connection {id} is refused"));
        self.notify(id, side);
    }

    fn new_connection(&mut self, mut connection: Connection) -> ConnectionId {
        let id = self.new_id();
        let fault_free = connection.fault_free;
        // Each direction of each connection has its own delay, so that some overtake others.
        for side in [Side::Server, Side::Client] {
            let quicker = self.rng.pick(&[1, 1, 4, 40]);
            connection.end(side).inbound.delay = self.fault_plan.delay / quicker;
        }
        self.connections.insert(id, connection);
        let after = if fault_free {
            FAULT_FREE_DELAY
        } else {
            self.rng.time(self.fault_plan.delay)
        };
        self.schedule(after, SimEvent::ConnectionArrives(id));
        id
    }
}
