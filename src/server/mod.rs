//! A server to be used: the reactor with the operating system behind its seams.
//!
//! For the binary and for host programs. [`Server::run`] blocks until it is stopped;
//! [`Server::turn`] does one iteration, for a program that has a loop of its own; a [`Handle`]
//! stops it from another thread.

mod account_storage;
mod change;
mod check;
mod error;
mod listening;
mod opening;
mod recounts;
mod reload;
mod resolver;
mod service_manager;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod warnings;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::capacity;
use crate::cause::cause;
use crate::config::{Config, FIRST_FREE_PORT};
use crate::net::tls::Acceptor;
use crate::net::{Network, SystemNetwork, Waker, inherited_listeners};
use crate::observe::{Records, Subscription};
use crate::reactor::{Activity, Parts, Reactor};
use crate::session::Mode;
use crate::storage::{Counter, Umask};
use crate::workers::Sweeper;
use account_storage::Counters;
pub use check::{Finding, check};
pub use error::Error;
use listening::ListenPlan;
use opening::{
    DeferredStart, Environment, acceptor_for, event_monitor_for, passive_addresses_for,
    passive_ports_for, require_monitor, settings_for, workers_for,
};
use recounts::Recounts;
pub use reload::ConfigSource;
use reload::Reload;
use resolver::Resolver;
use service_manager::ServiceManager;

/// An FTP server. Dropped, it waits a moment for the last records of transfers to be written, and some
/// seconds for programs that are told of uploads.
pub struct Server {
    reactor: Reactor,
    addresses: Vec<SocketAddr>,
    secure_addresses: Vec<SocketAddr>,
    acceptor: Option<Acceptor>,
    reload: Reload,
    /// What is in force.
    config: Config,
    counters: Counters,
    /// Goes on until it is dropped.
    recounts: Option<Recounts>,
    /// Asked for once, while nobody makes files.
    umask: Umask,
    manager: ServiceManager,
    /// What was wrong with the last reload, if something was.
    mistake: Option<String>,
    resolver: Resolver,
    handle: Handle,
    later: Option<DeferredStart>,
    stops_seen: u32,
    /// Works until it is dropped, or done.
    sweeper: Option<Sweeper>,
}

/// Stops a server from another thread.
#[derive(Clone)]
pub struct Handle {
    stops: Arc<AtomicU32>,
    waker: Waker,
}

impl Handle {
    /// Asks the server to stop: nobody new is let in, idle clients hear 421, transfers may end
    /// within the grace period. Asked again, it waits for nobody.
    pub fn stop(&self) {
        self.stops.fetch_add(1, Ordering::Release);
        (self.waker)();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the directory and listens. The first turn starts the workers: a program that gives up
    /// rights does so between the two, and the threads have never had them.
    pub fn bind(config: Config) -> Result<Self, Error> {
        let network = SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        let unheard = || Err("there is no source".to_owned());
        let source: ConfigSource = Arc::new(unheard);
        Self::with_network(config, network, source, Environment::default())
    }

    /// As [`bind`](Self::bind), for a process that is the server and nothing else. SIGTERM and
    /// SIGINT stop it as its [`Handle`] does; SIGHUP has it read its certificate again, and open
    /// its transfer logs again. It serves the sockets that a service manager listens at for it
    /// (TLS begins at once at those named `ftps`), then at no others but those that it is told;
    /// and tells the manager, from its first turn on, how it is.
    pub fn bind_with_signals(config: Config) -> Result<Self, Error> {
        let again = config.clone();
        Self::bind_with_source(config, Arc::new(move || Ok(again.clone())))
    }

    /// As [`bind_with_signals`](Self::bind_with_signals), and at SIGHUP it takes what `source` says
    /// then: who may log in, limits, times, what is refused, what TLS is for. What comes from a file
    /// that no longer sets a key that closed something is refused, by its
    /// [origins](crate::config::Origins). It all counts from the next command on, for clients that are
    /// logged in too; sessions that would not be let in any more end, unless
    /// [`revoked_sessions`](Config::revoked_sessions) keeps them. Where it listens, what it
    /// serves and its threads cannot change; the log says so where they are said to.
    ///
    /// Where it may, it starts [helpers](Config::helpers) with the rights that this process has
    /// still.
    pub fn bind_with_source(mut config: Config, source: ConfigSource) -> Result<Self, Error> {
        let signals = |error| Error::System("cannot handle signals", error);
        let mut network =
            SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        network.hear_signals().map_err(signals)?;
        let inherited = inherited_listeners().map_err(Error::Inherited)?;
        // While every file can be looked at, and those that are made at the start are not there.
        warnings::log(&config, &listening::in_the_clear(&config, &inherited));
        if config.helpers {
            config.accounts.start_monitor().map_err(Error::Pam)?;
        }
        let surroundings = Environment {
            inherited,
            event_monitor: event_monitor_for(&config)?,
        };
        let mut server = Self::with_network(config, network, source, surroundings)?;
        server.manager = ServiceManager::of_environment();
        if let Some(text) = opening::unserved(&server.config) {
            log::info!("{text}");
        }
        Ok(server)
    }

    fn with_network(
        config: Config,
        network: SystemNetwork,
        source: ConfigSource,
        surroundings: Environment,
    ) -> Result<Self, Error> {
        require_monitor(&config.accounts)?;
        let handle = Handle {
            stops: Arc::default(),
            waker: network.waker(),
        };
        let opened = account_storage::open(&config, &Counters::new())?;
        let (mode, workers) = (mode(&config), workers(&config));
        let equipment = capacity::equipment(&config, workers);
        let room = capacity::connections(&config, mode, equipment);
        let acceptor = acceptor_for(config.tls.as_ref(), network.unix_time())?;
        let (runner, threads) = workers_for(workers, &handle.waker);
        if let Some(umask) = config.umask {
            umask.set_for_process();
        }
        let umask = Umask::of_process();
        let (logs, events) = (&config.transfer_logs, config.events.clone());
        let records = Records::open(
            logs,
            events,
            surroundings.event_monitor,
            Waker::clone(&handle.waker),
        );
        let (records, observers) = records.map_err(Error::Records)?;
        let mut reactor = Reactor::new(Parts {
            network: Box::new(network),
            storage: opened.storage,
            account_storage: opened.account_storage,
            runner,
            passive_ports: passive_ports_for(&config),
            records,
            passive_addresses: passive_addresses_for(&config),
            proxies: config.proxies.clone(),
            settings: settings_for(&config, mode, umask),
            acceptor: acceptor.clone(),
            addresses: config.addresses.clone(),
            connections: room,
            connections_per_address: config.connections_per_address,
        });
        let wanted = ListenPlan::of(&config, surroundings.inherited);
        let (addresses, secure_addresses) = wanted.open(&mut reactor)?;
        capacity::log(room.connections, equipment);
        Ok(Self {
            reactor,
            addresses,
            secure_addresses,
            acceptor,
            reload: Reload::new(source, Waker::clone(&handle.waker)),
            config,
            counters: opened.counters,
            recounts: None,
            umask,
            manager: ServiceManager::none(),
            mistake: None,
            resolver: Resolver::new(Waker::clone(&handle.waker)),
            handle,
            later: Some(DeferredStart {
                threads,
                sweeps: opened.sweeps,
                observers,
            }),
            stops_seen: 0,
            sweeper: None,
        })
    }

    /// The addresses that it listens at, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses where TLS begins at once.
    pub fn secure_addresses(&self) -> &[SocketAddr] {
        &self.secure_addresses
    }

    /// Whether data connections to clients will come from ports below 1024, for which the process has to
    /// keep [the right](crate::sandbox::Plan::low_ports).
    pub fn dials_from_low_ports(&self) -> bool {
        let mut listened = self.addresses.iter().chain(&self.secure_addresses);
        self.config.active_from_default_port
            && listened.any(|address| (2..=FIRST_FREE_PORT).contains(&address.port()))
    }

    /// From here on each transfer of a file that is over leaves its record here too, beside the logs
    /// and events of its [`Config`]. So many may wait to be taken; what does not fit is left out.
    pub fn subscribe(&mut self, room: usize) -> Subscription {
        self.reactor.subscribe(room)
    }

    /// What its loop has done so far, to be measured.
    pub const fn activity(&self) -> &Activity {
        self.reactor.activity()
    }

    /// What stops it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until it is stopped.
    pub fn run(&mut self) -> Result<(), Error> {
        while self.turn(None)? {}
        Ok(())
    }

    /// One iteration: waits for at most `timeout` (`None`: until something happens), then does
    /// what there is to do. Whether the server is still running.
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        if let Some(later) = self.later.take() {
            self.begin(later)?;
        }
        let beat = self.manager.patience(self.reactor.now());
        let timeout = timeout.into_iter().chain(beat).min();
        self.reactor
            .turn(timeout)
            .map_err(|error| Error::System("cannot poll", error))?;
        self.renew();
        self.resolve();
        let stops = self.handle.stops.load(Ordering::Acquire);
        while self.stops_seen != stops {
            self.stops_seen = self.stops_seen.wrapping_add(1);
            self.reactor.stop();
        }
        if self.reactor.is_stopping() {
            self.manager.stopping();
        }
        self.manager.beat(self.reactor.now());
        Ok(self.reactor.is_running())
    }

    /// The first turn: everything is there, and every right given up that will be.
    fn begin(&mut self, later: DeferredStart) -> Result<(), Error> {
        let cannot = |error| Error::System("cannot start the threads", error);
        self.sweeper = later.start().map_err(cannot)?;
        self.counters.values().for_each(Counter::count_anew);
        self.recounts = self.start_recounts();
        self.resolve();
        self.manager.ready(&self.status());
        self.manager.beat(self.reactor.now());
        Ok(())
    }

    /// A server is of use without: what a quota refuses is counted first.
    fn start_recounts(&self) -> Option<Recounts> {
        let started = Recounts::start(self.counters.values().cloned(), self.config.recount);
        started.unwrap_or_else(|error| {
            let why = cause(&error);
            log::warn!("Cannot start a thread to count what quotas are for: {why}");
            None
        })
    }

    fn status(&self) -> String {
        let addresses = [self.addresses(), self.secure_addresses()].concat();
        let serving = format!("Serving at {}", listening::shown(&addresses));
        let of_logs = self.reactor.records().mistake();
        let mistakes = self.mistake.iter().cloned().chain(of_logs);
        let sentences: Vec<_> = std::iter::once(serving).chain(mistakes).collect();
        sentences.join(". ")
    }

    /// Has names looked up that are wanted, and takes what came of those that were.
    fn resolve(&mut self) {
        while let Some(found) = self.resolver.take() {
            self.reactor.found_name(&found.name, found.answer);
        }
        let wanted: Vec<_> = std::iter::from_fn(|| self.reactor.wanted_name()).collect();
        if !wanted.is_empty() {
            self.resolver.look_up(wanted);
        }
    }
}

/// Tells the service manager, if there is one, why this process is no server.
pub fn report_failure(why: &dyn fmt::Display) {
    ServiceManager::of_environment().failed(why);
}

const fn mode(config: &Config) -> Mode {
    match config.root {
        None => Mode::ControlOnly,
        Some(_) => Mode::Serving,
    }
}

/// Only files need them.
const fn workers(config: &Config) -> usize {
    match mode(config) {
        Mode::ControlOnly => 0,
        Mode::Serving => config.workers,
    }
}
