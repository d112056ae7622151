//! The parts of a server: worker pools, the TLS acceptor, the event helper, and the settings that
//! all sessions share.
//!
//! They are created before the process drops its privileges. A thread inherits the privileges of
//! the moment it starts, so threads are only prepared here and started by [`DeferredStart`].

use std::io;
use std::sync::Arc;

use super::{Error, tls};
use crate::auth::Accounts;
use crate::cause::cause;
use crate::config::{Config, TlsConfig};
use crate::hash_memory::HashMemory;
use crate::limits::MemoryProfile;
use crate::net::tls::Acceptor;
use crate::net::{InheritedListener, PassiveAddresses, PassivePorts, Waker};
use crate::observe::RecordThreads;
use crate::privsep::Helper;
use crate::protocol::date::Precision;
use crate::session::{ServerMode, Settings};
use crate::storage::{Sweep, Umask};
use crate::workers::{Inline, Runner, Sweeper, WorkerPools};

/// Everything that needs a thread, started in the first turn, after privileges are dropped.
pub(super) struct DeferredStart {
    pub(super) sweeps: Vec<Sweep>,
    pub(super) observers: RecordThreads,
}

impl DeferredStart {
    pub(super) fn start(self) -> io::Result<Option<Sweeper>> {
        self.observers.start()?;
        Ok(start_sweeper(self.sweeps))
    }
}

/// A failure is not fatal: leftover temporary files are hidden from clients and only use space.
fn start_sweeper(sweeps: Vec<Sweep>) -> Option<Sweeper> {
    if sweeps.is_empty() {
        return None;
    }
    let started = Sweeper::start(sweeps);
    started
        .inspect_err(|error| {
            log::warn!(
                "Cannot start the sweeper thread: unfinished uploads are not removed: {}",
                cause(error)
            );
        })
        .ok()
}

pub(super) fn workers_for(profile: MemoryProfile, waker: &Waker) -> Box<dyn Runner> {
    if profile.workers == 0 {
        return Box::new(Inline::new());
    }
    let (chunk, handshakes) = (profile.worker_chunk, profile.handshake_workers);
    Box::new(WorkerPools::new(profile.workers, chunk, handshakes, waker))
}

/// The resources of a process that is only this server; none in a host program.
pub(super) struct Environment {
    /// Listening sockets passed by a service manager; `None`: the server does not listen.
    pub(super) inherited: Option<Vec<InheritedListener>>,
    /// Runs the event command.
    pub(super) event_monitor: Option<Helper>,
}

/// The memory for password hashes, if it is enough for those of the accounts.
pub(super) fn hash_memory_for(
    config: &Config,
    profile: MemoryProfile,
) -> Result<HashMemory, Error> {
    let memory = HashMemory::measure();
    let refusal = memory.refusal(config, profile);
    refusal.map_or(Ok(memory), |why| Err(Error::HashMemory(why)))
}

/// PAM accounts need the PAM helper process, which a host program has to start itself.
pub(super) fn require_pam_helper(accounts: &Accounts) -> Result<(), Error> {
    if accounts.needs_pam_helper() {
        let text = "the program has not started the PAM helper process";
        return Err(Error::Pam(io::Error::other(text)));
    }
    Ok(())
}

pub(super) const fn mode(config: &Config) -> ServerMode {
    match config.root {
        None => ServerMode::ControlOnly,
        Some(_) => ServerMode::Serving,
    }
}

/// The note that no directory is configured.
pub(super) fn note_without_directory(config: &Config) -> Option<&'static str> {
    let text = "No directory is set: nothing is served, only the control channel answers";
    config.root.is_none().then_some(text)
}

pub(super) fn acceptor_for(
    tls: Option<&TlsConfig>,
    unix_time: i64,
) -> Result<Option<Acceptor>, Error> {
    let load = |tls| tls::load(tls, None, unix_time);
    tls.map(load).transpose().map_err(Error::Tls)
}

pub(super) fn passive_ports_for(config: &Config) -> PassivePorts {
    match config.passive_ports.clone() {
        None => PassivePorts::any(),
        range => PassivePorts::new(range),
    }
}

/// The addresses advertised in replies to PASV.
pub(super) fn passive_addresses_for(config: &Config) -> PassiveAddresses {
    PassiveAddresses::new(
        config.passive_addresses.clone(),
        config.passive_address.clone(),
        config.passive_address_for_private,
    )
}

pub(super) fn settings_for(config: &Config, mode: ServerMode, umask: Umask) -> Settings {
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
        slow: config.slow,
    }
}
