//! SIGHUP: the configuration, and the files that it names, are read again beside the loop.
//!
//! A thread of its own reads them, because a disk may make it wait; what it finds takes the
//! place of the old when it is good, and the old stays, with a word in the log, when it is not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use super::tls;
use crate::config::Config;
use crate::limits::THREAD_STACK_BYTES;
use crate::net::Waker;
use crate::net::tls::Acceptor;

/// Says what a server is to be told now, or why nobody knows. It may wait for a disk.
pub type ConfigSource = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// What was found.
pub(super) struct Found {
    pub(super) config: Config,
    /// What secures connections from now on; `None`: as before.
    pub(super) acceptor: Option<Acceptor>,
}

/// Reads files again, one time after the other.
pub(super) struct Reload {
    source: ConfigSource,
    waker: Waker,
    state: State,
}

/// ```text
///   Idle ──asked──▶ Reading ──asked──▶ Stale
///    ▲ ▲──────────────┘ read            │ read: and once more
///    └──────────────────────────────────┘
/// ```
enum State {
    Idle,
    Reading(Receiver<Result<Found, String>>),
    /// What is being read may be old already.
    Stale(Receiver<Result<Found, String>>),
}

impl Reload {
    pub(super) const fn new(source: ConfigSource, waker: Waker) -> Self {
        Self {
            source,
            waker,
            state: State::Idle,
        }
    }

    /// Begins to read; what is found comes after `current`.
    pub(super) fn begin(&mut self, current: Option<&Acceptor>, now: i64) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => self.start(current.cloned(), now),
            State::Reading(found) | State::Stale(found) => State::Stale(found),
        };
    }

    fn start(&self, current: Option<Acceptor>, now: i64) -> State {
        let (sender, found) = channel();
        let (source, waker) = (ConfigSource::clone(&self.source), Waker::clone(&self.waker));
        let thread = thread::Builder::new()
            .name("reload".to_owned())
            .stack_size(THREAD_STACK_BYTES);
        let spawned = thread.spawn(move || {
            // Where nobody waits for it any more the server is gone.
            let _ = sender.send(find(&source, current.as_ref(), now));
            waker();
        });
        match spawned {
            Ok(_) => State::Reading(found),
            Err(error) => {
                log::error!("Cannot read the files again: {error}");
                State::Idle
            }
        }
    }

    /// What has been found, if something has and is good.
    pub(super) fn take(&mut self, current: Option<&Acceptor>, now: i64) -> Option<Found> {
        let (State::Reading(receiver) | State::Stale(receiver)) = &self.state else {
            return None;
        };
        let found = match receiver.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => None,
            Ok(found) => Some(found),
        };
        if let State::Stale(_) = std::mem::replace(&mut self.state, State::Idle) {
            self.begin(current, now);
        }
        match found? {
            Ok(found) => Some(found),
            Err(error) => {
                log::error!("The old configuration stays, because the new one is no good: {error}");
                None
            }
        }
    }
}

/// A new certificate that is no good is no reason to do without the rest of the configuration,
/// unless there is no old one.
fn find(source: &ConfigSource, current: Option<&Acceptor>, now: i64) -> Result<Found, String> {
    let config = source()?;
    let Some(tls) = &config.tls else {
        let acceptor = None;
        return Ok(Found { config, acceptor });
    };
    let acceptor = match tls::load(tls, current, now) {
        Ok(acceptor) => {
            log::info!("The certificate was read again");
            Some(acceptor)
        }
        Err(error) if current.is_some() => {
            log::error!("The old certificate stays, because the new one is no good: {error}");
            None
        }
        Err(error) => return Err(error.to_string()),
    };
    Ok(Found { config, acceptor })
}
