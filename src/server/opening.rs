//! What a server is made of, opened: the directory, the workers, the listeners.
//!
//! All of it happens before the process gives up its rights. What needs a thread is only laid
//! out here, and started by [`Later`]: a thread keeps the rights that it was started with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Error;
use crate::config::{Config, TlsConfig};
use crate::net::Waker;
use crate::reactor::{Protocol, Reactor};
use crate::storage::{Disk, Nothing, Policy, Storage, Sweep};
use crate::workers::{Crew, Inline, Pool, Runner, Sweeper};

pub(super) fn shown(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
}

/// Listens where TLS begins at once.
pub(super) fn listen_for_tls(
    reactor: &mut Reactor,
    tls: Option<&TlsConfig>,
) -> Result<Vec<SocketAddr>, Error> {
    let wanted = tls.map_or(&[][..], |tls| tls.listen.as_slice());
    let listen = |&address| {
        let listening = reactor.listen(address, Protocol::Ftps);
        listening.map_err(|error| Error::Listen(address, error))
    };
    wanted.iter().map(listen).collect()
}

/// What is served, and what is to be done to it after the start.
pub(super) struct Opened {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) sweep: Option<Sweep>,
}

pub(super) fn open_storage(config: &Config) -> Result<Opened, Error> {
    let Some(root) = &config.root else {
        return Ok(Opened {
            storage: Arc::new(Nothing),
            sweep: None,
        });
    };
    let disk = Disk::open_root(root).map_err(|error| Error::Root(root.clone(), error))?;
    // Whoever serves a directory that nobody may write to does not expect files to go from it.
    let sweeps = config.remove_unfinished && config.accounts.may_write();
    let sweep = sweeps.then(|| disk.sweep());
    let policy = Policy {
        durability: config.durability,
        free_space_floor: config.free_space_floor,
    };
    Ok(Opened {
        storage: Arc::new(disk.with_policy(policy)),
        sweep,
    })
}

/// What waits for the first turn: its threads get the rights that the process has left then.
pub(super) struct Later {
    pub(super) crew: Option<Crew>,
    pub(super) sweep: Option<Sweep>,
}

impl Later {
    /// Starts the threads.
    pub(super) fn start(self) -> io::Result<Option<Sweeper>> {
        if let Some(crew) = self.crew {
            crew.start()?;
        }
        Ok(self.sweep.and_then(start_sweeper))
    }
}

/// A server is of use without: what was left takes room and is not seen.
fn start_sweeper(sweep: Sweep) -> Option<Sweeper> {
    let started = Sweeper::start(sweep);
    started
        .inspect_err(|error| log::warn!("Unfinished uploads are not removed: {error}"))
        .ok()
}

pub(super) fn workers_for(
    threads: usize,
    storage: Arc<dyn Storage>,
    waker: &Waker,
) -> (Box<dyn Runner>, Option<Crew>) {
    if threads == 0 {
        return (Box::new(Inline::new(storage)), None);
    }
    let (pool, crew) = Pool::new(threads, storage, Arc::clone(waker));
    (Box::new(pool), Some(crew))
}

/// Listens at all of `wanted`; by default at both wildcard addresses, or at the one that the
/// host has.
pub(super) fn listen(
    reactor: &mut Reactor,
    wanted: &[SocketAddr],
) -> Result<Vec<SocketAddr>, Error> {
    let is_default = wanted.is_empty();
    let wanted = if is_default {
        &Config::DEFAULT_ADDRESSES
    } else {
        wanted
    };
    let mut addresses = Vec::new();
    for &address in wanted {
        match reactor.listen(address, Protocol::Ftp) {
            Ok(address) => addresses.push(address),
            Err(error) if address.is_ipv6() && is_default && lacks_ipv6(&error) => {
                log::warn!("This host has no IPv6: {error}");
            }
            Err(error) => return Err(Error::Listen(address, error)),
        }
    }
    Ok(addresses)
}

pub(super) fn lacks_ipv6(error: &io::Error) -> bool {
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
