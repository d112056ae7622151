//! The server: the reactor connected to the operating system.
//!
//! Used by the binary and by host programs. [`Server::run`] blocks until the server is stopped;
//! [`Server::turn`] runs one iteration, for a program with its own event loop; a [`Handle`] stops
//! the server from another thread. Nothing here knows commands or replies.

mod account_storage;
mod change;
mod check;
mod client;
#[cfg_attr(not(feature = "settings"), path = "no_closed_accounts.rs")]
mod closed_accounts;
#[cfg_attr(not(feature = "quotas"), path = "no_counters.rs")]
mod counters;
mod error;
mod features;
mod listening;
mod opening;
mod reload;
#[cfg_attr(not(feature = "resolver"), path = "no_resolver.rs")]
mod resolver;
#[cfg_attr(not(feature = "systemd"), path = "no_service_manager.rs")]
mod service_manager;
#[cfg_attr(not(feature = "status"), path = "no_status.rs")]
mod status;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
#[cfg_attr(not(feature = "status"), path = "no_trace_file.rs")]
mod trace_file;
mod warnings;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::capacity::{self, Capacity};
use crate::config::{Config, FIRST_FREE_PORT};
use crate::event_helper;
use crate::hash_memory::HashMemory;
use crate::logging::LogLosses;
use crate::net::tls::Acceptor;
use crate::net::{InheritedListener, Network, SystemNetwork, Waker, inherited_listeners};
use crate::observe::{Records, Subscription};
use crate::reactor::{Activity, Parts, Reactor};
use crate::storage::Umask;
use crate::workers::Sweeper;
use account_storage::KeptStorage;
pub use check::{Finding, check};
#[cfg(feature = "bench")]
pub(crate) use check::{check_settings, in_use};
use counters::Recounts;
pub use error::Error;
use opening::{
    DeferredStart, Environment, acceptor_for, hash_memory_for, mode, passive_addresses_for,
    passive_ports_for, require_pam_helper, settings_for, workers_for,
};
pub use reload::ConfigSource;
use reload::Reload;
use resolver::Resolver;
use service_manager::ServiceManager;
use trace_file::TraceFile;

/// Device and inode of a directory; unique while it is open.
type DirectoryId = (u64, u64);

/// An FTP server. Dropping it waits up to one second for pending transfer records and up to five seconds for
/// pending upload events.
pub struct Server {
    reactor: Reactor,
    addresses: Vec<SocketAddr>,
    secure_addresses: Vec<SocketAddr>,
    is_announced: bool,
    acceptor: Option<Acceptor>,
    reload: Reload,
    /// The effective configuration.
    config: Config,
    capacity: Capacity,
    hash_memory: HashMemory,
    storage: KeptStorage,
    /// Dropping it ends its thread.
    recounts: Option<Recounts>,
    /// Read once, at the start: umask(2) can only be read by setting it, which would race with
    /// workers that create files.
    umask: Umask,
    manager: ServiceManager,
    /// Why the last reload failed, entirely or in part.
    reload_error: Option<String>,
    resolver: Resolver,
    handle: Handle,
    /// `None` after the first turn.
    deferred: Option<DeferredStart>,
    /// Compared with the counter of [`Handle`].
    stops_seen: u32,
    /// Dropping it ends its thread.
    sweeper: Option<Sweeper>,
    trace: TraceFile,
}

/// Stops a server from another thread.
#[derive(Clone)]
pub struct Handle {
    stops: Arc<AtomicU32>,
    waker: Waker,
}

impl Handle {
    fn new(waker: Waker) -> Self {
        let stops = Arc::default();
        Self { stops, waker }
    }

    /// Starts a graceful shutdown: the listeners close, idle clients get 421, and transfers may
    /// finish within the grace period. The second call closes all connections at once.
    pub fn stop(&self) {
        self.stops.fetch_add(1, Ordering::Release);
        (self.waker)();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut server = f.debug_struct("Server");
        server.field("addresses", &self.addresses);
        server.finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the directory and listens. Threads start in the first turn or later: a program that
    /// drops privileges does so in between, so that no thread ever has them.
    pub fn bind(config: Config) -> Result<Self, Error> {
        let network = SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        // Never called: without signal handlers there is no reload.
        let no_source = || Err("no configuration source is set".to_owned());
        let source: ConfigSource = Arc::new(no_source);
        let environment = Environment {
            inherited: Some(Vec::new()),
            event_monitor: None,
        };
        Self::with_network(config, network, source, environment)
    }

    /// As [`bind`](Self::bind), for a process that is only this server. SIGTERM and SIGINT stop it
    /// like its [`Handle`]; SIGHUP reloads the certificate and reopens the transfer logs. It adopts
    /// the sockets that a service manager passes (those named `ftps` use implicit TLS) and then
    /// listens only at these and at configured addresses. From the first turn on it reports its
    /// state to the service manager.
    pub fn bind_with_signals(config: Config) -> Result<Self, Error> {
        let again = config.clone();
        Self::bind_with_source(config, Arc::new(move || Ok(again.clone())))
    }

    /// As [`bind_with_signals`](Self::bind_with_signals), and SIGHUP also applies the configuration
    /// that `source` returns: accounts, limits, time-outs, address rules, the TLS policy. A file that
    /// no longer sets a restricting key is rejected, by its [origins](crate::config::Origins). Changes
    /// apply from the next command on, also to sessions that are logged in; a session whose login the
    /// new configuration would refuse ends, unless [`revoked_sessions`](Config::revoked_sessions)
    /// keeps it. Listening addresses, the directory and the number of threads cannot change: a
    /// warning names each such key.
    ///
    /// If [`helpers`](Config::helpers) is set, it starts helper processes with the privileges that
    /// this process still has.
    pub fn bind_with_source(config: Config, source: ConfigSource) -> Result<Self, Error> {
        let inherited = inherited_listeners().map_err(Error::InheritedListener)?;
        let addresses = listening::plaintext_addresses(&config, &inherited);
        Self::with_signals(config, source, Some(inherited), &addresses)
    }

    /// `None` for `inherited`: it does not listen.
    fn with_signals(
        mut config: Config,
        source: ConfigSource,
        inherited: Option<Vec<InheritedListener>>,
        addresses: &[SocketAddr],
    ) -> Result<Self, Error> {
        let signals = |error| Error::System("cannot handle signals", error);
        let mut network =
            SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        network.enable_signals().map_err(signals)?;
        // Before privileges are dropped and before files are created.
        warnings::log(&config, addresses, network.unix_time());
        if config.helpers {
            config.accounts.start_pam_helper().map_err(Error::Pam)?;
        }
        let environment = Environment {
            inherited,
            event_monitor: event_helper::start(&config).map_err(Error::Records)?,
        };
        let mut server = Self::with_network(config, network, source, environment)?;
        server.manager = ServiceManager::from_environment();
        if let Some(text) = opening::note_without_directory(&server.config) {
            log::info!("{text}");
        }
        Ok(server)
    }

    fn with_network(
        config: Config,
        network: SystemNetwork,
        source: ConfigSource,
        environment: Environment,
    ) -> Result<Self, Error> {
        features::check(&config).map_err(Error::NotBuiltIn)?;
        require_pam_helper(&config.accounts)?;
        trace_file::may_write(&config)?;
        let handle = Handle::new(network.waker());
        let (mode, capacity) = (mode(&config), Capacity::measure());
        let profile = capacity.profile(&config, mode);
        let hash_memory = hash_memory_for(&config, profile)?;
        let opened = account_storage::open(&config, &KeptStorage::default())?;
        let limit = capacity.connections(&config, mode, profile);
        let acceptor = acceptor_for(config.tls.as_ref(), network.unix_time())?;
        let runner = workers_for(profile, &handle.waker);
        config.umask.into_iter().for_each(Umask::set_for_process);
        let umask = Umask::of_current_process();
        let (logs, events) = (&config.transfer_logs, config.events.clone());
        let waker = Waker::clone(&handle.waker);
        let records = Records::open(logs, events, environment.event_monitor, waker);
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
            connections: limit,
            connections_per_address: config.connections_per_address,
            busy_poll: config.busy_poll,
        });
        let (addresses, secure_addresses) =
            listening::open(&mut reactor, &config, environment.inherited)?;
        capacity::log(limit.connections, profile);
        reactor.show_memory(profile);
        let trace = TraceFile::start(&config, &mut reactor);
        Ok(Self {
            reactor,
            addresses,
            secure_addresses,
            is_announced: false,
            acceptor,
            reload: Reload::new(source, Waker::clone(&handle.waker)),
            config,
            capacity,
            hash_memory,
            storage: opened.kept,
            recounts: None,
            umask,
            manager: ServiceManager::default(),
            reload_error: None,
            resolver: Resolver::new(Waker::clone(&handle.waker)),
            handle,
            deferred: Some(DeferredStart {
                sweeps: opened.sweeps,
                observers,
            }),
            stops_seen: 0,
            sweeper: None,
            trace,
        })
    }

    /// The addresses where it listens without implicit TLS; port 0 is replaced by the bound port.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses where it listens with implicit TLS.
    pub fn secure_addresses(&self) -> &[SocketAddr] {
        &self.secure_addresses
    }

    /// Whether active data connections bind ports below 1024, for which the process has to keep
    /// [`CAP_NET_BIND_SERVICE`](crate::sandbox::SandboxPlan::low_ports).
    pub fn dials_from_low_ports(&self) -> bool {
        let mut listened = self.addresses.iter().chain(&self.secure_addresses);
        self.config.active_from_default_port
            && listened.any(|address| (2..=FIRST_FREE_PORT).contains(&address.port()))
    }

    /// From now on the record of each finished file transfer is also sent here, besides the logs and
    /// events of the [`Config`]. Up to `room` records, and at least one, are buffered; further ones are
    /// dropped and counted.
    pub fn subscribe(&mut self, room: usize) -> Subscription {
        self.reactor.subscribe(room)
    }

    /// The event loop's counters.
    pub const fn activity(&self) -> &Activity {
        self.reactor.activity()
    }

    /// Logs what it has served so far, and how long its event loop took.
    pub fn log_summary(&self) {
        self.reactor.log_summary();
    }

    /// Shows these counts among its own.
    pub fn show_log_losses(&mut self, losses: LogLosses) {
        self.reactor.show_log_losses(losses);
    }

    /// A handle that stops it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until it is stopped.
    pub fn run(&mut self) -> Result<(), Error> {
        while self.turn(None)? {}
        self.trace.finish()
    }

    /// One iteration: waits for events for at most `timeout` (`None`: without limit) and handles
    /// them. Returns false when the server has stopped.
    pub fn turn(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        if let Some(deferred) = self.deferred.take() {
            self.begin(deferred)?;
        }
        let keepalive = self.manager.next_keepalive(self.reactor.now());
        let timeout = timeout.into_iter().chain(keepalive).min();
        self.reactor
            .turn(timeout)
            .map_err(|error| Error::System("cannot poll", error))?;
        self.apply_reload();
        self.resolve();
        if self.reactor.take_report() || !self.reactor.is_running() {
            self.trace.write(&mut self.reactor);
        }
        trace_file::answer(&mut self.reactor);
        let stops = self.handle.stops.load(Ordering::Acquire);
        while self.stops_seen != stops {
            self.stops_seen = self.stops_seen.wrapping_add(1);
            self.reactor.stop();
        }
        if self.reactor.is_stopping() {
            self.manager.stopping();
        }
        self.manager.keep_alive(self.reactor.now());
        Ok(self.reactor.is_running())
    }

    /// The first turn: privileges have been dropped, so threads may start.
    fn begin(&mut self, deferred: DeferredStart) -> Result<(), Error> {
        let failed = |error| Error::System("cannot start the threads", error);
        self.sweeper = deferred.start().map_err(failed)?;
        self.trace.check()?;
        self.storage.counters().request_recounts();
        self.recounts = self.storage.counters().start_recounts(self.config.recount);
        self.resolve();
        self.announce();
        self.manager.ready(&self.status());
        self.manager.keep_alive(self.reactor.now());
        Ok(())
    }

    fn status(&self) -> String {
        let addresses = [self.addresses(), self.secure_addresses()].concat();
        let serving = format!("Serving at {}", listening::shown(&addresses));
        let log_error = self.reactor.records().mistake();
        let errors = self.reload_error.iter().cloned().chain(log_error);
        let sentences: Vec<_> = std::iter::once(serving).chain(errors).collect();
        sentences.join(". ")
    }

    /// Passes finished look-ups to the reactor, and starts those that it asks for.
    fn resolve(&mut self) {
        while let Some(lookup) = self.resolver.take() {
            self.reactor.name_resolved(&lookup.name, lookup.answer);
        }
        let wanted: Vec<_> = std::iter::from_fn(|| self.reactor.next_name_to_resolve()).collect();
        if !wanted.is_empty() {
            self.resolver.look_up(wanted);
        }
    }
}

/// Reports a failed start to the service manager, if there is one.
pub fn report_failure(why: &dyn fmt::Display) {
    ServiceManager::from_environment().failed(why);
}
