//! A server to be used: the reactor with the operating system behind its seams.
//!
//! For the binary and for host programs. [`Server::run`] blocks until it is stopped;
//! [`Server::turn`] does one iteration, for a program that has a loop of its own; a [`Handle`]
//! stops it from another thread.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::homes;
use crate::limits;
use crate::net::{Network, PassivePorts, SystemNetwork, Waker};
use crate::reactor::{Parts, Reactor};
use crate::session::{Mode, Settings};
use crate::storage::{Disk, Nothing, Storage, Umask};
use crate::workers::{Inline, Lanes, Runner};

/// Why a server does not start, or cannot go on.
#[derive(Debug)]
pub enum Error {
    /// It cannot listen at an address.
    Listen(SocketAddr, io::Error),
    /// The directory cannot be served.
    Root(PathBuf, io::Error),
    /// The system lacks something else.
    System(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::Root(path, error) => write!(f, "cannot serve {}: {error}", path.display()),
            Self::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error) | Self::Root(_, error) | Self::System(_, error) => Some(error),
        }
    }
}

/// An FTP server.
pub struct Server {
    reactor: Reactor,
    addresses: Vec<SocketAddr>,
    handle: Handle,
    stops_seen: u32,
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
    /// Opens the directory, starts the workers and listens.
    pub fn bind(config: Config) -> Result<Self, Error> {
        let network = SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        Self::with_network(config, network)
    }

    /// As [`bind`](Self::bind), and SIGTERM and SIGINT stop it as its [`Handle`] does.
    pub fn bind_with_signals(config: Config) -> Result<Self, Error> {
        let signals = |error| Error::System("cannot handle signals", error);
        let mut network =
            SystemNetwork::new().map_err(|error| Error::System("cannot poll", error))?;
        network.stop_on_signals().map_err(signals)?;
        Self::with_network(config, network)
    }

    fn with_network(config: Config, network: SystemNetwork) -> Result<Self, Error> {
        let handle = Handle {
            stops: Arc::default(),
            waker: network.waker(),
        };
        let (mode, storage) = open_storage(config.root)?;
        let hashing = config.accounts.verification_bytes();
        let homes = homes::open(&config.accounts, &storage)?;
        let workers = if mode == Mode::Serving {
            config.workers
        } else {
            0
        };
        let runner = start_workers(workers, &handle.waker)?;
        let mut reactor = Reactor::new(Parts {
            network: Box::new(network),
            storage,
            homes,
            runner,
            passive_ports: match config.passive_ports {
                None => PassivePorts::any(),
                range => PassivePorts::new(range),
            },
            settings: Settings {
                mode,
                accounts: Arc::new(config.accounts),
                passive_address: config.passive_address,
                umask: Umask::of_process(),
                zone: config.zone,
                charset: config.charset,
                allow_fxp: config.allow_fxp,
                allow_combine: config.allow_combine,
                timings: config.timings,
            },
            connections: config.connections,
            connections_per_address: config.connections_per_address,
        });
        let addresses = listen(&mut reactor, &config.listen)?;
        let most = limits::worst_case_bytes(config.connections, workers) + hashing;
        let most = most / (1024 * 1024);
        log::debug!(
            "{} connections can take {most} MiB of buffers",
            config.connections
        );
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        log::info!("Start serving at {}", shown.join(", "));
        Ok(Self {
            reactor,
            addresses,
            handle,
            stops_seen: 0,
        })
    }

    /// The addresses that it listens at, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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
        self.reactor
            .turn(timeout)
            .map_err(|error| Error::System("cannot poll", error))?;
        let stops = self.handle.stops.load(Ordering::Acquire);
        while self.stops_seen != stops {
            self.stops_seen = self.stops_seen.wrapping_add(1);
            self.reactor.stop();
        }
        Ok(self.reactor.is_running())
    }
}

fn open_storage(root: Option<PathBuf>) -> Result<(Mode, Arc<dyn Storage>), Error> {
    let Some(root) = root else {
        return Ok((Mode::ControlOnly, Arc::new(Nothing)));
    };
    match Disk::open_root(&root) {
        Ok(disk) => Ok((Mode::Serving, Arc::new(disk))),
        Err(error) => Err(Error::Root(root, error)),
    }
}

fn start_workers(threads: usize, waker: &Waker) -> Result<Box<dyn Runner>, Error> {
    if threads == 0 {
        return Ok(Box::new(Inline::new()));
    }
    match Lanes::start(threads, waker) {
        Ok(lanes) => Ok(Box::new(lanes)),
        Err(error) => Err(Error::System("cannot start the workers", error)),
    }
}

/// Listens at all of `wanted`; by default at both wildcard addresses, or at the one that the
/// host has.
fn listen(reactor: &mut Reactor, wanted: &[SocketAddr]) -> Result<Vec<SocketAddr>, Error> {
    let is_default = wanted.is_empty();
    let wanted = if is_default {
        &Config::DEFAULT_ADDRESSES
    } else {
        wanted
    };
    let mut addresses = Vec::new();
    for &address in wanted {
        match reactor.listen(address) {
            Ok(address) => addresses.push(address),
            Err(error) if address.is_ipv6() && is_default && lacks_ipv6(&error) => {
                log::warn!("This host has no IPv6: {error}");
            }
            Err(error) => return Err(Error::Listen(address, error)),
        }
    }
    Ok(addresses)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacking = [
        Errno::AFNOSUPPORT,
        Errno::ADDRNOTAVAIL,
        Errno::PROTONOSUPPORT,
    ];
    lacking
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
