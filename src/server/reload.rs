//! SIGHUP: the configuration, and the files that it names, are read again beside the loop.
//!
//! A thread of its own reads them, because a disk may make it wait; what it finds takes the
//! place of the old when it is good, and the old stays, with a word in the log, when it is not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use super::account_storage::Counters;
use super::{account_storage, tls, warnings};
use crate::cause::cause;
#[cfg(feature = "config")]
use crate::config::file::keep_what_is_for_the_next_start;
use crate::config::{Config, losses};
use crate::limits::THREAD_STACK_BYTES;
use crate::net::Waker;
use crate::net::tls::Acceptor;
use crate::reactor::StorageByAccount;
use crate::storage::Counter;

/// Says what a server is to be told now, or why nobody knows. It may wait for a disk.
pub type ConfigSource = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// What was found.
pub(super) struct ReloadResult {
    pub(super) config: Config,
    /// What secures connections from now on; `None`: as before.
    pub(super) acceptor: Option<Acceptor>,
    /// Why the certificate stays the old one, where a new one is no good.
    pub(super) bad_certificate: Option<String>,
    /// Which files each account sees from now on, and what counts them; `None`: as before.
    pub(super) account_storage: Option<(StorageByAccount, Counters)>,
}

/// What a server has, for what is found to come after it.
#[derive(Clone)]
pub(super) struct ReloadBase {
    pub(super) config: Config,
    pub(super) acceptor: Option<Acceptor>,
    pub(super) counters: Counters,
    /// Where it listens in the clear.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) now: i64,
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
    Reading(Receiver<Result<ReloadResult, String>>),
    /// What is being read may be old already.
    Stale(Receiver<Result<ReloadResult, String>>),
}

impl Reload {
    pub(super) const fn new(source: ConfigSource, waker: Waker) -> Self {
        Self {
            source,
            waker,
            state: State::Idle,
        }
    }

    /// Whether nothing is being read.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Begins to read; what is found comes after `present`.
    pub(super) fn begin(&mut self, present: ReloadBase) {
        self.state = match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => self.start(present),
            State::Reading(found) | State::Stale(found) => State::Stale(found),
        };
    }

    fn start(&self, present: ReloadBase) -> State {
        let (sender, found) = channel();
        let unread = Sender::clone(&sender);
        let (source, waker) = (ConfigSource::clone(&self.source), Waker::clone(&self.waker));
        let thread = thread::Builder::new()
            .name("reload".to_owned())
            .stack_size(THREAD_STACK_BYTES);
        let spawned = thread.spawn(move || {
            // Where nobody waits for it any more the server is gone.
            let _ = sender.send(find(&source, &present));
            waker();
        });
        if let Err(error) = spawned {
            // It is found as whatever is wrong with the files.
            let _ = unread.send(Err(format!(
                "no thread can be started to read it: {}",
                cause(&error)
            )));
        }
        State::Reading(found)
    }

    /// What has been found, if something has, or why it is no good; and it is read once more, after
    /// `present`, if that was asked for meanwhile.
    pub(super) fn take(
        &mut self,
        present: impl FnOnce() -> ReloadBase,
    ) -> Option<Result<ReloadResult, String>> {
        let (State::Reading(receiver) | State::Stale(receiver)) = &self.state else {
            return None;
        };
        let found = match receiver.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("nothing was read".to_owned()),
            Ok(found) => found,
        };
        if let State::Stale(_) = std::mem::replace(&mut self.state, State::Idle) {
            self.begin(present());
        }
        Some(found)
    }
}

fn find(source: &ConfigSource, present: &ReloadBase) -> Result<ReloadResult, String> {
    // Whatever the configuration is like: others may have removed files.
    present.counters.values().for_each(Counter::count_anew);
    let mut config = source()?;
    let losses = losses::losses(&present.config, &config);
    if let Some(why) = losses::refusal(&losses, &config) {
        return Err(why);
    }
    for loss in losses {
        log::warn!("{}", loss.warning());
    }
    for key in keep_what_is_for_the_next_start(&present.config, &mut config) {
        log::warn!("{key} has changed, which is for the next start: until then it stays");
    }
    if config.accounts.needs_monitor() && !present.config.accounts.has_monitor() {
        let text =
            "account.pam: what asks PAM is started with the server, for its first such account";
        return Err(text.to_owned());
    }
    let (acceptor, bad_certificate) = find_acceptor(&config, present)?;
    let account_storage =
        if config.root.is_some() && account_storage::differ(&present.config, &config) {
            Some(account_storage::reopen(&config, &present.counters)?)
        } else {
            None
        };
    warnings::log(&config, &present.addresses);
    Ok(ReloadResult {
        config,
        acceptor,
        bad_certificate,
        account_storage,
    })
}

/// A new certificate that is no good is no reason to do without the rest of the configuration,
/// unless there is no old one.
fn find_acceptor(
    config: &Config,
    present: &ReloadBase,
) -> Result<(Option<Acceptor>, Option<String>), String> {
    let Some(tls) = &config.tls else {
        return Ok((None, None));
    };
    match tls::load(tls, present.acceptor.as_ref(), present.now) {
        Ok(acceptor) => Ok((Some(acceptor), None)),
        Err(error) if present.acceptor.is_some() => Ok((None, Some(error.to_string()))),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(feature = "config"))]
const fn keep_what_is_for_the_next_start(_: &Config, _: &mut Config) -> [&'static str; 0] {
    []
}
