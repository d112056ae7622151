//! The virtual network behind the server's traits, and the event loop of the simulation.
//!
//! [`VirtualNetwork::poll`] advances time: it executes due events, including jobs and client turns, until
//! there is something to report or the time-out expires. It never sleeps. A poll without a time-out and
//! without any event left is a deadlock; a loop that turns without progress is a busy loop. Both are
//! violations.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mioftpd::internals::clock::Instant;
use mioftpd::internals::net::{
    EndWatch, Ends, Event, Listener, Network, Registration, Stream, Token, Waker,
};
use mioftpd::internals::storage::{Error, File, Wait};

use crate::client::Client;
use crate::rng::Odds;
use crate::runner::Jobs;
use crate::tally::{Call, WakeReason};
use crate::world::{ConnectionId, LinkState, ListenerId, Side, SimEvent, World};

/// Limit on polls without progress: no byte moved, no command executed, no deadline expired. Each stale
/// latch costs one blocked call and one iteration: three for each of two sockets, of some fourteen
/// connections. A review after a reload takes thirteen more, and each stale timer one.
const IDLE_POLLS: u32 = 200;

/// State shared between the simulation and the server's traits.
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // An injected panic in a storage call leaves the state consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared<World> {
    /// Counts a call of the server. One that is repeated without a poll ends in a panic: nothing else can
    /// stop that loop.
    fn counted(&self, count: impl FnOnce(&mut World) -> Option<String>) {
        let spin = count(&mut self.lock());
        if let Some(spin) = spin {
            panic!("{spin}");
        }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(crate) struct VirtualNetwork {
    world: Shared<World>,
    clients: Shared<Vec<Client>>,
    jobs: Shared<Jobs>,
    idle: u32,
    progress: u64,
}

impl Network for VirtualNetwork {
    fn now(&self) -> Instant {
        self.world.lock().time()
    }

    fn unix_time(&self) -> i64 {
        self.world.lock().unix_time()
    }

    fn listen(&mut self, address: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>> {
        let (id, address) = {
            let mut world = self.world.lock();
            world.tally.effect();
            world.listen(address, token)?
        };
        let world = self.world.clone();
        Ok(Box::new(VirtualListener { world, id, address }))
    }

    /// No simulated client names the server's own address.
    fn is_own(&self, _: IpAddr) -> bool {
        false
    }

    fn connect(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<Box<dyn Stream>> {
        let id = {
            let mut world = self.world.lock();
            let dialled = world.dial_client(from, to, token);
            world.dialled(token, dialled.as_ref().ok().copied());
            dialled?
        };
        let world = self.world.clone();
        Ok(Box::new(VirtualStream { world, id }))
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        self.check_progress()?;
        self.world.lock().tally.begin_poll(timeout);
        let until = timeout.map(|timeout| self.world.lock().now + timeout);
        let before = self.jobs.lock().finished();
        let wake_reason = loop {
            while let Some(event_due) = self.next_due() {
                self.perform(event_due, events);
            }
            let mut world = self.world.lock();
            world.take_events(events);
            if self.jobs.lock().finished() > before {
                break WakeReason::Job;
            }
            if !events.is_empty() {
                break WakeReason::Event;
            }
            if world.inject_fault(|plan| Odds(plan.spurious.0 / 20)) {
                break WakeReason::Spurious;
            }
            if world.is_over() && until.is_none() && self.clients.lock().iter().all(Client::is_gone)
            {
                break WakeReason::Over;
            }
            if !pass_time(&mut world, until)? {
                break WakeReason::Time;
            }
        };
        let mut world = self.world.lock();
        world.tally.end_poll(wake_reason, events);
        if world.rng.one_in(2) {
            // CPU time.
            let cost = world.rng.time(Duration::from_micros(10));
            world.now += cost;
        }
        Ok(())
    }

    fn watch_ends(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        self.world.lock().watch_ends(pair.map(|(_, token)| token))
    }

    fn ends(&mut self, watch: &EndWatch) -> Ends {
        let mut world = self.world.lock();
        world.tally.effect();
        world.ends(watch.0)
    }

    fn forget_ends(&mut self, watch: EndWatch) {
        self.world.lock().forget_ends(watch.0);
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }
}

/// Advances to the next event or the end of the poll; returns whether the poll continues.
fn pass_time(world: &mut World, until: Option<Duration>) -> io::Result<bool> {
    if world.has_ready() {
        world.now += Duration::from_micros(50);
        return Ok(until.is_none_or(|until| world.now < until));
    }
    match (world.next_time(), until) {
        (Some(at), until) if until.is_none_or(|until| at <= until) => {
            world.now = world.now.max(at);
            Ok(true)
        }
        (_, Some(until)) => {
            // Timers fire late, never early.
            let late = if world.rng.one_in(2) {
                0
            } else {
                world.rng.below(2_000) as u64
            };
            world.now = world.now.max(until + Duration::from_micros(late));
            Ok(false)
        }
        (_, None) => {
            world.violate(
                "deadlock: the server polls without a time-out, and no event is left".to_owned(),
            );
            Err(io::Error::other("deadlock"))
        }
    }
}

impl VirtualNetwork {
    pub(crate) fn new(
        world: &Shared<World>,
        clients: &Shared<Vec<Client>>,
        jobs: &Shared<Jobs>,
    ) -> Self {
        Self {
            world: world.clone(),
            clients: clients.clone(),
            jobs: jobs.clone(),
            idle: 0,
            progress: 0,
        }
    }

    fn next_due(&self) -> Option<SimEvent> {
        self.world.lock().next_due()
    }

    fn perform(&self, event_due: SimEvent, events: &mut Vec<Event>) {
        match event_due {
            SimEvent::SegmentArrives(connection, side) => {
                self.world.lock().deliver_segment(connection, side);
            }
            SimEvent::ConnectionArrives(connection) => {
                self.world.lock().deliver_connection(connection);
            }
            SimEvent::ClientTurn(number) => {
                let mut clients = self.clients.lock();
                if let Some(client) = clients.get_mut(number) {
                    client.step(&mut self.world.lock());
                }
            }
            SimEvent::JobStarts(id) => Jobs::run(&self.jobs, &self.world, id),
            SimEvent::JobReturns(id) => self.jobs.lock().return_one(id),
            SimEvent::Stop => {
                self.world.lock().note(|| "signal: stop".to_owned());
                events.push(Event::StopSignal);
            }
            SimEvent::Reload => {
                self.world.lock().note(|| "signal: reload".to_owned());
                events.push(Event::ReloadSignal);
            }
        }
    }

    fn check_progress(&mut self) -> io::Result<()> {
        let mut world = self.world.lock();
        if std::mem::replace(&mut self.progress, world.progress) != world.progress {
            self.idle = 0;
        }
        self.idle += 1;
        if self.idle > IDLE_POLLS {
            world.violate(format!("{IDLE_POLLS} turns without progress"));
            return Err(io::Error::other("spinning"));
        }
        Ok(())
    }
}

struct VirtualListener {
    world: Shared<World>,
    id: ListenerId,
    address: SocketAddr,
}

impl Listener for VirtualListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let accepted = self.world.lock().accept(self.id, token);
        let outcome = accepted
            .as_ref()
            .map(|(id, _)| *id)
            .map_err(io::Error::kind);
        self.world
            .counted(|world| world.accepted(self.address, token, outcome));
        let (id, peer) = accepted?;
        let world = self.world.clone();
        Ok((Box::new(VirtualStream { world, id }), peer))
    }

    fn local_address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        let mut world = self.world.lock();
        world.tally.effect();
        world.close_listener(self.id);
    }
}

struct VirtualStream {
    world: Shared<World>,
    id: ConnectionId,
}

impl Stream for VirtualStream {
    fn register(&mut self, registration: Registration) -> io::Result<()> {
        self.world.lock().register(self.id, registration);
        Ok(())
    }

    fn registration(&self) -> Registration {
        let mut world = self.world.lock();
        let connection = world.connection(self.id);
        connection.map_or(Registration::None, |connection| connection.registration)
    }

    fn rename(&mut self, token: Token) {
        self.world.lock().rename(self.id, token);
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.world.lock().read(self.id, Side::Server, buffer);
        let got = read.as_ref().map(|&count| &buffer[..count]);
        self.world
            .counted(|world| world.called(self.id, Call::Read, buffer.len(), got));
        read
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.lock().peek(self.id, Side::Server, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.world.lock().write(self.id, Side::Server, bytes);
        let got = written.as_ref().map(|&count| &bytes[..count]);
        self.world
            .counted(|world| world.called(self.id, Call::Write, bytes.len(), got));
        written
    }

    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        let mut chunk = vec![0; count.min(64 * 1024)];
        let length =
            file.read_at(&mut chunk, offset, Wait::Allowed)
                .map_err(|error| match error {
                    // As sendfile(2) reports it.
                    Error::Device => io::Error::from_raw_os_error(5),
                    error => io::Error::other(error),
                })?;
        if length == 0 {
            return Ok(0);
        }
        self.write(&chunk[..length])
    }

    fn connected(&mut self) -> io::Result<()> {
        let mut world = self.world.lock();
        world.tally.effect();
        let connection = world
            .connection(self.id)
            .ok_or(io::ErrorKind::NotConnected)?;
        match connection.server.link {
            LinkState::Up => Ok(()),
            LinkState::Connecting => Err(io::ErrorKind::WouldBlock.into()),
            LinkState::Broken(kind) => {
                connection.server.link = LinkState::Dead;
                Err(kind.into())
            }
            LinkState::Dead => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        let mut world = self.world.lock();
        let connection = world
            .connection(self.id)
            .ok_or(io::ErrorKind::NotConnected)?;
        Ok(connection.server.address)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        let mut world = self.world.lock();
        world.half_closes(self.id);
        world.shutdown(self.id, Side::Server)
    }

    fn reset_on_close(&mut self) {
        self.world.lock().reset_on_close(self.id, Side::Server);
    }
}

impl Drop for VirtualStream {
    fn drop(&mut self) {
        let mut world = self.world.lock();
        world.closes(self.id);
        world.close(self.id, Side::Server);
    }
}
