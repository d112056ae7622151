//! A server to be used: the reactor with the operating system behind its seams.
//!
//! For the binary and for host programs. [`Server::run`] blocks until it is stopped;
//! [`Server::turn`] does one iteration, for a program that has a loop of its own; a [`Handle`]
//! stops it from another thread.

mod change;
mod check;
mod homes;
mod opening;
mod reload;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::capacity;
use crate::config::Config;
use crate::net::tls::Acceptor;
use crate::net::{Network, PassivePorts, SystemNetwork, Waker};
use crate::reactor::{Parts, Reactor};
use crate::session::Mode;
use crate::storage::Umask;
use crate::workers::Sweeper;
pub use check::{Finding, check};
use opening::{Later, acceptor_for, listen_everywhere, settings_for, workers_for};
pub use reload::ConfigSource;
use reload::Reload;

/// Why a server does not start, or cannot go on.
#[derive(Debug)]
pub enum Error {
    /// It cannot listen at an address.
    Listen(SocketAddr, io::Error),
    /// The directory cannot be served.
    Root(PathBuf, io::Error),
    /// There is nothing to secure connections with.
    Tls(String),
    /// The system lacks something else.
    System(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::Root(path, error) => write!(f, "cannot serve {}: {error}", path.display()),
            Self::Tls(why) => f.write_str(why),
            Self::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) | Self::Root(_, error) | Self::System(_, error) => Some(error),
            Self::Tls(_) => None,
        }
    }
}

/// An FTP server.
pub struct Server {
    reactor: Reactor,
    addresses: Vec<SocketAddr>,
    secure_addresses: Vec<SocketAddr>,
    acceptor: Option<Acceptor>,
    reload: Reload,
    /// What is in force.
    config: Config,
    /// Asked for once, while nobody makes files.
    umask: Umask,
    handle: Handle,
    later: Option<Later>,
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
        Self::with_network(config, network, Arc::new(unheard))
    }

    /// As [`bind`](Self::bind), and SIGTERM and SIGINT stop it as its [`Handle`] does; SIGHUP has
    /// it read its certificate again.
    pub fn bind_with_signals(config: Config) -> Result<Self, Error> {
        let again = config.clone();
        Self::bind_with_source(config, Arc::new(move || Ok(again.clone())))
    }

    /// As [`bind_with_signals`](Self::bind_with_signals), and at SIGHUP it takes what `source` says
    /// then: who may log in, limits, times, what is refused, what TLS is for. Who is logged in
    /// stays so; everything else counts from the next command on. Where it listens, what it
    /// serves and its threads cannot change; the log says so where they are said to.
    pub fn bind_with_source(config: Config, source: ConfigSource) -> Result<Self, Error> {
        let signals = |error| Error::System("cannot handle signals", error);
        let mut network =
            SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        network.hear_signals().map_err(signals)?;
        Self::with_network(config, network, source)
    }

    fn with_network(
        config: Config,
        network: SystemNetwork,
        source: ConfigSource,
    ) -> Result<Self, Error> {
        let handle = Handle {
            stops: Arc::default(),
            waker: network.waker(),
        };
        let opened = homes::open(&config)?;
        let (mode, workers) = (mode(&config), workers(&config));
        let equipment = capacity::equipment(&config, workers);
        let connections = capacity::connections(&config, mode, equipment);
        let acceptor = acceptor_for(config.tls.as_ref(), network.unix_time())?;
        let (runner, crew) = workers_for(workers, &handle.waker);
        if let Some(umask) = config.umask {
            umask.set_for_process();
        }
        let umask = Umask::of_process();
        let mut reactor = Reactor::new(Parts {
            network: Box::new(network),
            storage: opened.storage,
            homes: opened.homes,
            runner,
            passive_ports: match config.passive_ports.clone() {
                None => PassivePorts::any(),
                range => PassivePorts::new(range),
            },
            settings: settings_for(&config, mode, umask),
            acceptor: acceptor.clone(),
            addresses: config.addresses.clone(),
            connections,
            connections_per_address: config.connections_per_address,
        });
        let listening = listen_everywhere(&mut reactor, &config)?;
        capacity::log(connections, equipment);
        Ok(Self {
            reactor,
            addresses: listening.addresses,
            secure_addresses: listening.secure_addresses,
            acceptor,
            reload: Reload::new(source, Waker::clone(&handle.waker)),
            config,
            umask,
            handle,
            later: Some(Later {
                crew,
                sweeps: opened.sweeps,
                counts: opened.counts,
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
            let cannot = |error| Error::System("cannot start the workers", error);
            self.sweeper = later.start().map_err(cannot)?;
        }
        self.reactor
            .turn(timeout)
            .map_err(|error| Error::System("cannot poll", error))?;
        self.renew();
        let stops = self.handle.stops.load(Ordering::Acquire);
        while self.stops_seen != stops {
            self.stops_seen = self.stops_seen.wrapping_add(1);
            self.reactor.stop();
        }
        Ok(self.reactor.is_running())
    }
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
