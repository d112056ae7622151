//! What a server is made of, opened: the workers, what secures connections; and what all
//! its sessions have in common.
//!
//! All of it happens before the process gives up its rights. What needs a thread is only laid
//! out here, and started by [`DeferredStart`]: a thread keeps the rights that it was started with.

use std::io;
use std::sync::Arc;

use super::{Error, tls};
use crate::auth::Accounts;
use crate::cause::cause;
use crate::config::{Config, TlsConfig};
use crate::helper_process::event_arguments;
use crate::net::tls::Acceptor;
use crate::net::{Inherited, PassiveAddresses, PassivePorts, Waker};
use crate::observe::{self, Observers, event_worker};
use crate::privsep::Helper;
use crate::protocol::date::Precision;
use crate::session::{Mode, Settings};
use crate::storage::{Sweep, Umask};
use crate::workers::{Inline, PoolThreads, Runner, Sweeper, WorkerPools};

/// What waits for the first turn: its threads get the rights that the process has left then.
pub(super) struct DeferredStart {
    pub(super) threads: Option<PoolThreads>,
    pub(super) sweeps: Vec<Sweep>,
    pub(super) observers: Observers,
}

impl DeferredStart {
    /// Starts the threads.
    pub(super) fn start(self) -> io::Result<Option<Sweeper>> {
        if let Some(threads) = self.threads {
            threads.start()?;
        }
        self.observers.start()?;
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
        .inspect_err(|error| log::warn!("Unfinished uploads are not removed: {}", cause(error)))
        .ok()
}

pub(super) fn workers_for(threads: usize, waker: &Waker) -> (Box<dyn Runner>, Option<PoolThreads>) {
    if threads == 0 {
        return (Box::new(Inline::new()), None);
    }
    let (pools, threads) = WorkerPools::new(threads, waker);
    (Box::new(pools), Some(threads))
}

/// What a process has that is the server and nothing else.
#[derive(Default)]
pub(super) struct Environment {
    /// Sockets that a service manager listens at for it.
    pub(super) inherited: Vec<Inherited>,
    /// What runs the event command.
    pub(super) event_monitor: Option<Helper>,
}

/// What runs the event command, if there is one.
pub(super) fn event_monitor_for(config: &Config) -> Result<Option<Helper>, Error> {
    let events = &config.events;
    if events.command.is_empty() || !config.helpers {
        return Ok(None);
    }
    let run_as = event_arguments(config.run_as.as_ref());
    let cannot = |error| {
        observe::Error::Events(format!(
            "cannot start what runs programs: {}",
            cause(&error)
        ))
    };
    let started = event_worker::start(run_as, &events.command, events.time);
    started.map(Some).map_err(cannot).map_err(Error::Records)
}

/// Accounts of the system are of no use without what asks PAM: a host program has to start that.
pub(super) fn require_monitor(accounts: &Accounts) -> Result<(), Error> {
    if accounts.needs_monitor() {
        let text = "the program has not started what does that";
        return Err(Error::Pam(io::Error::other(text)));
    }
    Ok(())
}

/// What a server is for that has no directory, for whoever forgot it.
pub(super) fn unserved(config: &Config) -> Option<&'static str> {
    let text = "No directory is set: nothing is served, only the control channel answers";
    config.root.is_none().then_some(text)
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

/// Where passive listeners may be.
pub(super) fn passive_ports_for(config: &Config) -> PassivePorts {
    match config.passive_ports.clone() {
        None => PassivePorts::any(),
        range => PassivePorts::new(range),
    }
}

/// What clients are told that PASV has opened.
pub(super) fn passive_addresses_for(config: &Config) -> PassiveAddresses {
    PassiveAddresses::new(
        config.passive_addresses.clone(),
        config.passive_address.clone(),
        config.passive_address_for_private,
    )
}

/// What all sessions have in common.
pub(super) fn settings_for(config: &Config, mode: Mode, umask: Umask) -> Settings {
    Settings {
        mode,
        greeting: config.greeting.clone(),
        accounts: Arc::new(config.accounts.clone()),
        umask,
        cut_uploads: config.cut_uploads,
        zone: config.zone,
        time_precision: if config.time_fractions {
            Precision::Milliseconds
        } else {
            Precision::Seconds
        },
        charset: config.charset,
        active_from_default_port: config.active_from_default_port,
        allow_combine: config.allow_combine,
        revoked_sessions: config.revoked_sessions,
        security: config.tls.as_ref().map(|tls| tls.policy.clone()),
        timings: config.timings.clone(),
        throttling: config.throttling.clone(),
    }
}
