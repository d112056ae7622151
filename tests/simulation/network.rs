//! The virtual network, as the server's traits see it, and the stage on which all play.
//!
//! [`VirtualNetwork::poll`] is where time passes: it lets happen what is due, jobs and clients
//! included, until there is something to report or its time is up. It never sleeps. A poll
//! without an end, for which nothing will ever happen, is a deadlock and is found here; so is
//! a loop that turns without doing anything.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mioftpd::net::{EndWatch, Ends, Event, Listener, Network, Stream, Token, Waker};
use mioftpd::storage::{Error, File, Wait};

use crate::client::Client;
use crate::rng::Odds;
use crate::runner::Jobs;
use crate::world::{Line, Occurrence, PostId, Side, WireId, World};

/// Polls in a row without anything having happened. Of one who reads nothing and is slowed down one
/// command is executed at a time, until as many replies wait as may: that takes more than a thousand.
const IDLE_POLLS: u32 = 2_000;

/// The wall clock when the run begins.
const UNIX_EPOCH_OF_RUN: i64 = 1_700_000_000;

/// Something that is shared by the two sides of the seams.
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // A panic that was staged, in a storage call, leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    begin: Instant,
    idle: u32,
    progress: u64,
}

impl Network for VirtualNetwork {
    fn now(&self) -> Instant {
        self.begin + self.world.lock().now
    }

    fn unix_time(&self) -> i64 {
        UNIX_EPOCH_OF_RUN + self.world.lock().now.as_secs() as i64
    }

    fn listen(&mut self, address: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>> {
        let (id, address) = self.world.lock().listen(address, token)?;
        let world = self.world.clone();
        Ok(Box::new(VirtualListener { world, id, address }))
    }

    /// No client of the simulation wants to reach the server itself.
    fn is_own(&self, _: IpAddr) -> bool {
        false
    }

    fn connect(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<Box<dyn Stream>> {
        let id = self.world.lock().dial_client(from, to, token)?;
        let world = self.world.clone();
        Ok(Box::new(VirtualStream { world, id }))
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        self.watch_for_spinning()?;
        let until = timeout.map(|timeout| self.world.lock().now + timeout);
        let before = self.jobs.lock().finished();
        loop {
            while let Some(occurrence) = self.next_due() {
                self.perform(occurrence, events);
            }
            let mut world = self.world.lock();
            world.take_events(events);
            let woken = self.jobs.lock().finished() > before;
            if woken || !events.is_empty() || world.fault(|weather| Odds(weather.spurious.0 / 20)) {
                break;
            }
            if world.is_over() && until.is_none() && self.clients.lock().iter().all(Client::is_gone)
            {
                break;
            }
            if !pass_time(&mut world, until)? {
                break;
            }
        }
        let mut world = self.world.lock();
        if world.rng.one_in(2) {
            // What the processor takes.
            let cost = world.rng.time(Duration::from_micros(10));
            world.now += cost;
        }
        Ok(())
    }

    fn watch_ends(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        self.world.lock().watch_ends(pair.map(|(_, token)| token))
    }

    fn ends(&mut self, watch: &EndWatch) -> Ends {
        self.world.lock().ends(watch.0)
    }

    fn forget_ends(&mut self, watch: EndWatch) {
        self.world.lock().forget_ends(watch.0);
    }

    fn waker(&self) -> Waker {
        Arc::new(|| {})
    }
}

/// To the next thing, or to the end of the poll: whether the poll goes on.
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
            // A system's timers are late, never early.
            let late = if world.rng.one_in(2) {
                0
            } else {
                world.rng.below(2_000) as u64
            };
            world.now = world.now.max(until + Duration::from_micros(late));
            Ok(false)
        }
        (_, None) => {
            world.violate("deadlock: the server waits for what never comes".to_owned());
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
            begin: Instant::now(),
            idle: 0,
            progress: 0,
        }
    }

    fn next_due(&self) -> Option<Occurrence> {
        self.world.lock().next_due()
    }

    fn perform(&self, occurrence: Occurrence, events: &mut Vec<Event>) {
        match occurrence {
            Occurrence::Land(wire, side) => self.world.lock().land(wire, side),
            Occurrence::Knock(wire) => self.world.lock().knock(wire),
            Occurrence::Client(number) => {
                let mut clients = self.clients.lock();
                if let Some(client) = clients.get_mut(number) {
                    client.step(&mut self.world.lock());
                }
            }
            Occurrence::JobRuns(id) => Jobs::run(&self.jobs, &self.world, id),
            Occurrence::JobReturns(id) => self.jobs.lock().return_one(id),
            Occurrence::Stop => {
                self.world.lock().note(|| "signal: stop".to_owned());
                events.push(Event::StopSignal);
            }
            Occurrence::Reload => {
                self.world.lock().note(|| "signal: reload".to_owned());
                events.push(Event::ReloadSignal);
            }
        }
    }

    fn watch_for_spinning(&mut self) -> io::Result<()> {
        let mut world = self.world.lock();
        if std::mem::replace(&mut self.progress, world.progress) != world.progress {
            self.idle = 0;
        }
        self.idle += 1;
        if self.idle > IDLE_POLLS {
            world.violate(format!("{IDLE_POLLS} turns without anything happening"));
            return Err(io::Error::other("spinning"));
        }
        Ok(())
    }
}

struct VirtualListener {
    world: Shared<World>,
    id: PostId,
    address: SocketAddr,
}

impl Listener for VirtualListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let (id, peer) = self.world.lock().accept(self.id, token)?;
        let world = self.world.clone();
        Ok((Box::new(VirtualStream { world, id }), peer))
    }

    fn local_address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        self.world.lock().close_post(self.id);
    }
}

struct VirtualStream {
    world: Shared<World>,
    id: WireId,
}

impl Stream for VirtualStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.lock().read(self.id, Side::Server, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.world.lock().write(self.id, Side::Server, bytes)
    }

    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        let mut chunk = vec![0; count.min(64 * 1024)];
        let length =
            file.read_at(&mut chunk, offset, Wait::Allowed)
                .map_err(|error| match error {
                    // As sendfile says it.
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
        let wire = world.wire(self.id).ok_or(io::ErrorKind::NotConnected)?;
        match wire.server.line {
            Line::Up => Ok(()),
            Line::Dialling => Err(io::ErrorKind::WouldBlock.into()),
            Line::Broken(kind) => {
                wire.server.line = Line::Dead;
                Err(kind.into())
            }
            Line::Dead => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        let mut world = self.world.lock();
        let wire = world.wire(self.id).ok_or(io::ErrorKind::NotConnected)?;
        Ok(wire.server.address)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.world.lock().shutdown(self.id, Side::Server)
    }

    fn reset_on_close(&mut self) {
        self.world.lock().reset_on_close(self.id, Side::Server);
    }
}

impl Drop for VirtualStream {
    fn drop(&mut self) {
        self.world.lock().close(self.id, Side::Server);
    }
}
