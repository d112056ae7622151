//! A reactor of the server's, whose one network is [`wire`](crate::wire)s in memory.
//!
//! Whoever has it decides what comes when, where there is room, and how late it is. The network
//! tells of each change once, as epoll does, and a loop that turns for nothing is found.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mioftpd::auth::{Account, Accounts, Permissions};
use mioftpd::limits::Timings;
use mioftpd::net::tls::Acceptor;
use mioftpd::net::{
    AddressRules, Event, Listener, Network, PassiveAddresses, PassivePorts, Readiness, Stream,
    Token, Waker,
};
use mioftpd::observe::Records;
use mioftpd::reactor::{Parts, Protocol, Reactor, StorageByAccount};
use mioftpd::session::{SecurityPolicy, Settings};
use mioftpd::storage::Memory;
use mioftpd::workers::{Completion, Inline, Job, Runner};

use crate::peer::ACCEPTOR;
use crate::wire::{End, Shared};

/// Turns of the loop in which everything that can be done is done.
const TURNS: usize = 1_000;

/// Since 1970; just before the next second.
pub(crate) const WALL_CLOCK_OF_BEGIN: Duration = Duration::from_millis(1_700_000_000_900);

pub(crate) struct Server {
    reactor: Reactor,
    scene: Scene,
    pub(crate) timings: Timings,
    waiting: Arc<AtomicUsize>,
    held: Arc<Mutex<Held>>,
    /// What is served: the file `f`, which is old.
    pub(crate) memory: Memory,
}

#[derive(Clone)]
struct Scene(Arc<Mutex<State>>);

struct State {
    begin: Instant,
    now: Instant,
    /// Of the one listener.
    listener: Option<Token>,
    /// Who has connected, and is not accepted.
    arrived: Option<Shared>,
    /// Of the connection that was accepted last.
    accepted: Option<Token>,
    events: Vec<Event>,
    /// Addresses of the server's own host.
    own: Vec<IpAddr>,
    /// From where to where it has tried to connect.
    dialled: Vec<[SocketAddr; 2]>,
    /// Who is there.
    dialee: Option<Shared>,
    /// Of the connection that came about last.
    connected: Option<Token>,
    /// The loop would sleep now.
    is_asleep: bool,
}

/// A client's connection.
pub(crate) struct Client {
    token: Token,
    pub(crate) wire: Shared,
}

impl Server {
    /// Anonymous clients may do everything, FXP too, and TLS is there for them, by AUTH or from the
    /// beginning. They may take longer over the handshake than over the login, of which it is a part.
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
            arrived: None,
            accepted: None,
            events: Vec::new(),
            own: Vec::new(),
            dialled: Vec::new(),
            dialee: None,
            connected: None,
            is_asleep: false,
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
        let (waiting, held) = (Arc::default(), Arc::default());
        let memory = Memory::new().with_file("/f", b"old");
        let mut reactor = Reactor::new(Parts {
            network: Box::new(scene.clone()),
            storage: Arc::new(memory.clone()),
            account_storage: StorageByAccount::new(),
            runner: Box::new(Runs(Inline::new(), Arc::clone(&waiting), Arc::clone(&held))),
            passive_ports: PassivePorts::new(None),
            records: Records::default(),
            passive_addresses: PassiveAddresses::default(),
            proxies: Vec::new(),
            settings,
            acceptor: Some(ACCEPTOR.clone()),
            addresses: AddressRules::default(),
            connections: 4.into(),
            connections_per_address: 4,
        });
        reactor.listen(here(), protocol).unwrap();
        Self {
            reactor,
            scene,
            timings,
            waiting,
            held,
            memory,
        }
    }

    /// A client connects.
    pub(crate) fn client(&mut self) -> Client {
        let wire = Shared::new();
        let mut state = self.scene.lock();
        state.arrived = Some(wire.clone());
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

    /// The client begins an upload to `f`, over a data connection that the server makes.
    pub(crate) fn begins_upload(&mut self, client: &Client) -> Client {
        let wire = Shared::new();
        self.scene.lock().dialee = Some(wire.clone());
        self.hears(client, b"TYPE I\r\nPORT 127,0,0,1,20,0\r\nSTOR f\r\n");
        let token = self.scene.lock().connected.take().unwrap();
        let data = Client { token, wire };
        self.tell_of(&data);
        data
    }

    /// These bytes come from the client.
    pub(crate) fn hears(&mut self, client: &Client, bytes: &[u8]) {
        client.wire.lock().inbound.extend(bytes);
        self.tell_of(client);
    }

    /// The client ends its side.
    pub(crate) fn sees_the_end(&mut self, client: &Client) {
        client.wire.lock().end = End::Fin;
        self.tell_of(client);
    }

    /// From now on so much can be written.
    pub(crate) fn has_room(&mut self, client: &Client, room: usize) {
        client.wire.lock().room = room;
        self.tell_of(client);
    }

    pub(crate) fn waits(&mut self, time: Duration) {
        self.scene.lock().now += time;
        self.settle();
    }

    /// The second in which something that happens is recorded.
    pub(crate) fn unix_time(&self) -> i64 {
        self.reactor.unix_time()
    }

    /// From now on so many jobs wait for the storage, beside those of its clients.
    pub(crate) fn has_waiting(&self, jobs: usize) {
        self.waiting.store(jobs, Ordering::Relaxed);
    }

    /// From now on what jobs come to is kept back.
    pub(crate) fn holds_jobs_back(&self) {
        self.held.lock().unwrap().is_holding = true;
    }

    /// The job that is kept back for longest comes back.
    pub(crate) fn brings_the_first_job(&mut self) {
        {
            let mut held = self.held.lock().unwrap();
            let first = held.kept.pop_front().unwrap();
            held.due.push(first);
        }
        self.settle();
    }

    /// From now on none is kept back, but for those that are.
    pub(crate) fn lets_jobs_go(&mut self) {
        self.held.lock().unwrap().is_holding = false;
        self.settle();
    }

    /// From now on its host has these addresses.
    pub(crate) fn owns(&self, addresses: &[IpAddr]) {
        self.scene.lock().own = addresses.to_vec();
    }

    /// From where to where it has tried to connect since the last time.
    pub(crate) fn dialled(&self) -> Vec<[SocketAddr; 2]> {
        std::mem::take(&mut self.scene.lock().dialled)
    }

    /// New connections are secured by this one.
    pub(crate) fn renews(&mut self, acceptor: Acceptor) {
        self.reactor.renew(acceptor);
    }

    pub(crate) fn stops(&mut self) {
        self.reactor.stop();
        self.settle();
    }

    /// One event, with the state of the socket as it is.
    fn tell_of(&mut self, client: &Client) {
        self.tells_of(&[client]);
    }

    /// The clients end their sides, and the loop hears of all at once, in this order.
    pub(crate) fn sees_the_ends(&mut self, clients: &[&Client]) {
        for client in clients {
            client.wire.lock().end = End::Fin;
        }
        self.tells_of(clients);
    }

    fn tells_of(&mut self, clients: &[&Client]) {
        let events: Vec<_> = clients.iter().map(|client| event_of(client)).collect();
        self.scene.lock().events.extend(events);
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

fn event_of(client: &Client) -> Event {
    let wire = client.wire.lock();
    let is_over = wire.end != End::Open;
    let readiness = Readiness {
        readable: is_over || !wire.inbound.is_empty(),
        writable: wire.room > 0,
        drain: is_over,
    };
    Event::Ready(client.token, readiness)
}

fn here() -> SocketAddr {
    ([127, 0, 0, 1], 21).into()
}

impl Scene {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Jobs that are done, and do not come back yet.
#[derive(Default)]
struct Held {
    is_holding: bool,
    kept: VecDeque<Completion>,
    due: Vec<Completion>,
}

/// Runs jobs at once, holds back what they come to, and says that there are so many more.
struct Runs(Inline, Arc<AtomicUsize>, Arc<Mutex<Held>>);

impl Runner for Runs {
    fn submit(&mut self, job: Job) {
        self.0.submit(job);
    }

    fn collect(&mut self, into: &mut Vec<Completion>) {
        let mut held = self.2.lock().unwrap();
        if held.is_holding {
            let mut done = Vec::new();
            self.0.collect(&mut done);
            held.kept.extend(done);
        } else {
            self.0.collect(into);
        }
        into.append(&mut held.due);
    }

    fn outstanding(&self) -> usize {
        let held = self.2.lock().unwrap();
        let kept = held.kept.len() + held.due.len();
        self.0.outstanding() + kept + self.1.load(Ordering::Relaxed)
    }

    fn has_finished(&self) -> bool {
        self.0.has_finished() || !self.2.lock().unwrap().due.is_empty()
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
        state.dialled.push([from, to]);
        let refused = io::ErrorKind::ConnectionRefused;
        let wire = state.dialee.take().ok_or(refused)?;
        state.connected = Some(token);
        Ok(wire.socket())
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        let mut state = self.lock();
        events.append(&mut state.events);
        state.is_asleep = events.is_empty() && timeout != Some(Duration::ZERO);
        Ok(())
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }
}

impl Listener for Scene {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let mut state = self.lock();
        let wire = state.arrived.take().ok_or(io::ErrorKind::WouldBlock)?;
        state.accepted = Some(token);
        Ok((wire.socket(), ([127, 0, 0, 1], 40_000).into()))
    }

    fn local_address(&self) -> SocketAddr {
        here()
    }
}
