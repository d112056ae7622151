//! SIGHUP: the files that the server was started with are read again, beside the loop.
//!
//! A thread of its own reads them, because a disk may make it wait; what it finds takes the
//! place of the old when it is good, and the old stays, with a word in the log, when it is not.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use super::tls::{self, Unusable};
use crate::config::TlsConfig;
use crate::limits::THREAD_STACK_BYTES;
use crate::net::Waker;
use crate::net::tls::Acceptor;

/// Reads files again, one time after the other.
pub(super) struct Reload {
    tls: Option<TlsConfig>,
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
    Reading(Receiver<Result<Acceptor, Unusable>>),
    /// What is being read may be old already.
    Stale(Receiver<Result<Acceptor, Unusable>>),
}

impl Reload {
    pub(super) const fn new(tls: Option<TlsConfig>, waker: Waker) -> Self {
        Self {
            tls,
            waker,
            state: State::Idle,
        }
    }

    /// Whether nothing is being read.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Begins to read; what is found comes after `current`.
    pub(super) fn begin(&mut self, current: Option<&Acceptor>, now: i64) {
        let Some(tls) = self.tls.clone() else {
            return;
        };
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => self.start(tls, current.cloned(), now),
            State::Reading(found) | State::Stale(found) => State::Stale(found),
        };
    }

    fn start(&self, tls: TlsConfig, current: Option<Acceptor>, now: i64) -> State {
        let (sender, found) = channel();
        let waker = Waker::clone(&self.waker);
        let thread = thread::Builder::new()
            .name("reload".to_owned())
            .stack_size(THREAD_STACK_BYTES);
        let spawned = thread.spawn(move || {
            // Where nobody waits for it any more the server is gone.
            let _ = sender.send(tls::load(&tls, current.as_ref(), now));
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
    pub(super) fn take(&mut self, current: Option<&Acceptor>, now: i64) -> Option<Acceptor> {
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
            Ok(acceptor) => {
                log::info!("The certificate was read again");
                Some(acceptor)
            }
            Err(error) => {
                log::error!("The old certificate stays, because the new one is no good: {error}");
                None
            }
        }
    }
}
