//! The server's reactor over a network of [`wire`](crate::channels::wire)s in memory.
//!
//! The test controls received bytes, writability and the clock. Events are edge-triggered, as with
//! epoll, and a spinning event loop fails the test.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mioftpd::internals::clock::Instant;
use mioftpd::internals::net::tls::Acceptor;
use mioftpd::internals::net::{
    EndWatch, Ends, Event, Listener, Network, Readiness, Stream, Token, Waker,
};
use mioftpd::internals::reactor::{Parts, Protocol, Reactor};
use mioftpd::internals::session::Settings;
use mioftpd::internals::storage::Memory;
use mioftpd::{Account, Accounts, Permissions, SecurityPolicy, Timings};

use crate::channels::peer::ACCEPTOR;
use crate::channels::wire::{End, Shared};
use crate::harness::{Workers, parts};

/// Turns after which the event loop must be idle.
const TURNS: usize = 1_000;

/// The wall clock at the start, since 1970: just before the next second.
pub(crate) const WALL_CLOCK_OF_BEGIN: Duration = Duration::from_millis(1_700_000_000_900);

pub(crate) struct Server {
    reactor: Reactor,
    scene: Scene,
    pub(crate) timings: Timings,
    pub(crate) workers: Workers,
    /// The storage, with the file `f`.
    pub(crate) memory: Memory,
}

#[derive(Clone)]
struct Scene(Arc<Mutex<State>>);

struct State {
    begin: Instant,
    now: Instant,
    /// The token of the listener.
    listener: Option<Token>,
    /// A connection that is not accepted yet.
    pending: Option<Shared>,
    /// The token of the last accepted connection.
    accepted: Option<Token>,
    /// Events of the listener.
    events: Vec<Event>,
    /// The connections, by their tokens.
    wires: Vec<(Token, Shared)>,
    /// The addresses of the server's host.
    own: Vec<IpAddr>,
    /// The attempts to connect: source and target.
    connects: Vec<[SocketAddr; 2]>,
    /// The peer of the next outgoing connection; `None`: it is refused.
    connect_target: Option<Shared>,
    /// The token of the last outgoing connection.
    connected: Option<Token>,
    /// Whether the last poll would have blocked.
    is_asleep: bool,
    /// The connections that have ended, in this order; `None`: the network cannot tell it.
    ended: Option<Vec<Token>>,
    /// The connections whose ends are watched.
    watched: Vec<Token>,
}

/// A client's connection.
pub(crate) struct Client {
    token: Token,
    pub(crate) wire: Shared,
}

impl Server {
    /// Starts a server that allows anonymous clients everything including FXP, with explicit or
    /// implicit TLS. The time-out of the handshake is longer than that of the login.
    pub(crate) fn new(protocol: Protocol) -> Self {
        let usual = Timings::default();
        let timings = Timings {
            handshake: usual.login * 2,
            ..usual
        };
        let begin = Instant::now();
        let scene = Scene(Arc::new(Mutex::new(State {
            begin,
            now: begin,
            listener: None,
            pending: None,
            accepted: None,
            events: Vec::new(),
            wires: Vec::new(),
            own: Vec::new(),
            connects: Vec::new(),
            connect_target: None,
            connected: None,
            is_asleep: false,
            ended: None,
            watched: Vec::new(),
        })));
        let account = Account {
            allow_fxp: true,
            ..Account::anonymous(Permissions::ALL)
        };
        let settings = Settings {
            accounts: Arc::new(Accounts::new().with(account)),
            security: Some(SecurityPolicy {
                allow_clear: true,
                ..SecurityPolicy::default()
            }),
            timings: timings.clone(),
            ..Settings::default()
        };
        let workers = Workers::default();
        let memory = Memory::new().with_file("/f", b"old");
        let storage = Arc::new(memory.clone());
        let mut reactor = Reactor::new(Parts {
            acceptor: Some(ACCEPTOR.clone()),
            ..parts(scene.clone(), storage, &workers, settings)
        });
        reactor.listen(here(), protocol).unwrap();
        Self {
            reactor,
            scene,
            timings,
            workers,
            memory,
        }
    }

    /// As [`new`](Self::new), with a network that tells which connections have ended, and in which order.
    pub(crate) fn with_end_order(protocol: Protocol) -> Self {
        let server = Self::new(protocol);
        server.scene.lock().ended = Some(Vec::new());
        server
    }

    /// A client connects.
    pub(crate) fn connect(&mut self) -> Client {
        let wire = Shared::new();
        let mut state = self.scene.lock();
        state.pending = Some(wire.clone());
        let readiness = Readiness {
            readable: true,
            ..Readiness::default()
        };
        let listener = state.listener.unwrap();
        state.events.push(Event::Ready(listener, readiness));
        drop(state);
        self.settle();
        let token = self.scene.lock().accepted.take().unwrap();
        Client { token, wire }
    }

    /// Starts an upload to `f` over an active data connection, which it returns.
    pub(crate) fn start_upload(&mut self, client: &Client) -> Client {
        let wire = Shared::new();
        self.scene.lock().connect_target = Some(wire.clone());
        self.deliver(client, b"TYPE I\r\nPORT 127,0,0,1,20,0\r\nSTOR f\r\n");
        let token = self.scene.lock().connected.take().unwrap();
        let data = Client { token, wire };
        self.notify(&data);
        data
    }

    /// Delivers bytes from the client.
    pub(crate) fn deliver(&mut self, client: &Client, bytes: &[u8]) {
        client.wire.lock().inbound.extend(bytes);
        self.notify(client);
    }

    /// Delivers a FIN from the client.
    pub(crate) fn deliver_fin(&mut self, client: &Client) {
        self.deliver_fins(&[client]);
    }

    /// Sets the free space in the send buffer.
    pub(crate) fn set_room(&mut self, client: &Client, room: usize) {
        client.wire.lock().room = room;
        self.notify(client);
    }

    /// Advances the clocks.
    pub(crate) fn advance(&mut self, time: Duration) {
        self.scene.lock().now += time;
        self.settle();
    }

    /// The time with which events are recorded.
    pub(crate) fn unix_time(&self) -> i64 {
        self.reactor.unix_time()
    }

    /// Delivers the oldest completion that is held back.
    pub(crate) fn deliver_first_completion(&mut self) {
        self.workers.finish_first();
        self.settle();
    }

    /// Sets the addresses of the server's host.
    pub(crate) fn set_own_addresses(&self, addresses: &[IpAddr]) {
        self.scene.lock().own = addresses.to_vec();
    }

    /// Takes the attempts to connect since the last call: source and target.
    pub(crate) fn connects(&self) -> Vec<[SocketAddr; 2]> {
        std::mem::take(&mut self.scene.lock().connects)
    }

    /// Replaces the acceptor.
    pub(crate) fn set_acceptor(&mut self, acceptor: Acceptor) {
        self.reactor.renew(acceptor);
    }

    pub(crate) fn stop(&mut self) {
        self.reactor.stop();
        self.settle();
    }

    /// Reports the current readiness of one socket.
    fn notify(&mut self, client: &Client) {
        self.notify_all(&[client]);
    }

    /// Delivers a FIN from each client, as events of one poll, in this order.
    pub(crate) fn deliver_fins(&mut self, clients: &[&Client]) {
        for client in clients {
            client.wire.lock().end = End::Fin;
            let mut state = self.scene.lock();
            state
                .ended
                .iter_mut()
                .for_each(|ended| ended.push(client.token));
        }
        self.notify_all(clients);
    }

    fn notify_all(&mut self, clients: &[&Client]) {
        let order = |token| clients.iter().position(|client| client.token == token);
        for client in clients {
            client.wire.change();
        }
        self.scene
            .lock()
            .wires
            .sort_by_key(|(token, _)| order(*token));
        self.settle();
    }

    /// Turns the loop until it would sleep.
    fn settle(&mut self) {
        for _ in 0..TURNS {
            self.reactor.turn(None).unwrap();
            if self.scene.lock().is_asleep {
                return;
            }
        }
        panic!("the loop spins");
    }
}

fn here() -> SocketAddr {
    ([127, 0, 0, 1], 21).into()
}

impl Scene {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Network for Scene {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn unix_time(&self) -> i64 {
        let state = self.lock();
        let since = WALL_CLOCK_OF_BEGIN + (state.now - state.begin);
        since.as_secs().cast_signed()
    }

    fn listen(&mut self, _: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>> {
        self.lock().listener = Some(token);
        Ok(Box::new(self.clone()))
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.lock().own.contains(&address)
    }

    fn connect(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<Box<dyn Stream>> {
        let mut state = self.lock();
        state.connects.push([from, to]);
        let refused = io::ErrorKind::ConnectionRefused;
        let wire = state.connect_target.take().ok_or(refused)?;
        state.connected = Some(token);
        let socket = wire.socket();
        state.wires.push((token, wire));
        Ok(socket)
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        let mut state = self.lock();
        events.append(&mut state.events);
        state.wires.retain(|(_, wire)| wire.lock().closed.is_none());
        for (token, wire) in &state.wires {
            let readiness = wire.take_readiness();
            events.extend(readiness.map(|readiness| Event::Ready(*token, readiness)));
        }
        state.is_asleep = events.is_empty() && timeout != Some(Duration::ZERO);
        Ok(())
    }

    fn watch_ends(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        let mut state = self.lock();
        if state.ended.is_none() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        state.watched = pair.map(|(_, token)| token).to_vec();
        Ok(EndWatch(0))
    }

    fn ends(&mut self, _: &EndWatch) -> Ends {
        let state = self.lock();
        let ended = state.ended.iter().flatten();
        let mut ended = ended.filter(|token| state.watched.contains(token));
        match (ended.next(), ended.next()) {
            (None, _) => Ends::Neither,
            (Some(only), None) => Ends::Only(*only),
            (Some(first), Some(_)) => Ends::Both(*first),
        }
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }
}

impl Listener for Scene {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let mut state = self.lock();
        let wire = state.pending.take().ok_or(io::ErrorKind::WouldBlock)?;
        state.accepted = Some(token);
        let socket = wire.socket();
        state.wires.push((token, wire));
        Ok((socket, ([127, 0, 0, 1], 40_000).into()))
    }

    fn local_address(&self) -> SocketAddr {
        here()
    }
}
