//! What a server is made of, opened: the workers, the listeners, what secures them; and what all
//! its sessions have in common.
//!
//! All of it happens before the process gives up its rights. What needs a thread is only laid
//! out here, and started by [`Later`]: a thread keeps the rights that it was started with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::homes::Count;
use super::{Error, tls};
use crate::config::{Config, TlsConfig};
use crate::net::Waker;
use crate::net::tls::Acceptor;
use crate::reactor::{Protocol, Reactor};
use crate::session::{Mode, Settings};
use crate::storage::{Sweep, Umask};
use crate::workers::{Crew, Inline, Lanes, Runner, Sweeper};

fn shown(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
}

/// Listens where TLS begins at once.
fn listen_for_tls(
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

/// What waits for the first turn: its threads get the rights that the process has left then.
pub(super) struct Later {
    pub(super) crew: Option<Crew>,
    pub(super) sweeps: Vec<Sweep>,
    pub(super) counts: Vec<Count>,
}

impl Later {
    /// Starts the threads.
    pub(super) fn start(self) -> io::Result<Option<Sweeper>> {
        if let Some(crew) = self.crew {
            crew.start()?;
        }
        for count in self.counts {
            count.start()?;
        }
        Ok(start_sweeper(self.sweeps))
    }
}

/// A server is of use without: what was left takes room and is not seen.
fn start_sweeper(sweeps: Vec<Sweep>) -> Option<Sweeper> {
    if sweeps.is_empty() {
        return None;
    }
    let started = Sweeper::start(sweeps);
    started
        .inspect_err(|error| log::warn!("Unfinished uploads are not removed: {error}"))
        .ok()
}

pub(super) fn workers_for(threads: usize, waker: &Waker) -> (Box<dyn Runner>, Option<Crew>) {
    if threads == 0 {
        return (Box::new(Inline::new()), None);
    }
    let (lanes, crew) = Lanes::new(threads, waker);
    (Box::new(lanes), Some(crew))
}

/// What secures connections, if they are to be.
pub(super) fn acceptor_for(
    tls: Option<&TlsConfig>,
    unix_time: i64,
) -> Result<Option<Acceptor>, Error> {
    let load = |tls| tls::load(tls, None, unix_time);
    let loaded = tls.map(load).transpose();
    loaded.map_err(|error| Error::Tls(error.to_string()))
}

/// What all sessions have in common.
pub(super) fn settings_for(config: &Config, mode: Mode, umask: Umask) -> Settings {
    Settings {
        mode,
        accounts: Arc::new(config.accounts.clone()),
        passive_address: config.passive_address,
        umask,
        zone: config.zone,
        charset: config.charset,
        allow_fxp: config.allow_fxp,
        allow_combine: config.allow_combine,
        security: config.tls.as_ref().map(|tls| tls.policy),
        timings: config.timings.clone(),
        throttling: config.throttling.clone(),
    }
}

/// Where a server listens.
pub(super) struct Listening {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) secure_addresses: Vec<SocketAddr>,
}

/// Listens everywhere, and says so. Where TLS begins at once is enough, if nothing else was asked
/// for.
pub(super) fn listen_everywhere(
    reactor: &mut Reactor,
    config: &Config,
) -> Result<Listening, Error> {
    let tls = config.tls.as_ref();
    let only_secure = tls.is_some_and(|tls| !tls.listen.is_empty());
    let addresses = if only_secure && config.listen.is_empty() {
        Vec::new()
    } else {
        listen(reactor, &config.listen)?
    };
    let secure_addresses = listen_for_tls(reactor, tls)?;
    if !secure_addresses.is_empty() {
        log::info!("Start serving FTPS at {}", shown(&secure_addresses));
    }
    if !addresses.is_empty() {
        log::info!("Start serving at {}", shown(&addresses));
    }
    Ok(Listening {
        addresses,
        secure_addresses,
    })
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
