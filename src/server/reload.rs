//! Reload on SIGHUP: reads the configuration, and the files that it names, again.
//!
//! Reading may block on a disk, so it happens in a thread of its own, which sends a [`ReloadResult`]
//! to the event loop. `change` applies it; if it is an error, the old configuration stays in force.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::account_storage::KeptStorage;
use super::{account_storage, features, mode, tls, warnings};
use crate::capacity::Capacity;
use crate::cause::cause;
use crate::config::fixed::keep_fixed_keys;
use crate::config::{Config, losses};
use crate::hash_memory::HashMemory;
use crate::limits::THREAD_STACK_BYTES;
use crate::net::Waker;
use crate::net::tls::Acceptor;
use crate::reactor::StorageByAccount;

/// Reads the configuration, or returns why it cannot be used. Called on a thread that may block.
pub type ConfigSource = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// A configuration that can be applied.
pub(super) struct ReloadResult {
    pub(super) config: Config,
    /// `None`: unchanged.
    pub(super) acceptor: Option<Acceptor>,
    /// Why the new certificate cannot be used, and the old one stays.
    pub(super) bad_certificate: Option<String>,
    /// `None`: unchanged.
    pub(super) account_storage: Option<(StorageByAccount, KeptStorage)>,
}

/// The server's state that a reload compares with and builds on.
#[derive(Clone)]
pub(super) struct ReloadBase {
    pub(super) config: Config,
    pub(super) acceptor: Option<Acceptor>,
    pub(super) capacity: Capacity,
    pub(super) hash_memory: HashMemory,
    pub(super) storage: KeptStorage,
    /// The addresses without implicit TLS.
    pub(super) addresses: Vec<SocketAddr>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// `None`: the thread is reading, or has panicked if it holds its reference no more.
type Outcome = Option<Result<ReloadResult, String>>;

/// Runs at most one reload at a time.
pub(super) struct Reload {
    source: ConfigSource,
    waker: Waker,
    /// `None`: no reload is running.
    running: Option<Arc<Mutex<Outcome>>>,
    /// A reload was requested after reading began, so it has to be read once more.
    is_stale: bool,
}

impl Reload {
    pub(super) const fn new(source: ConfigSource, waker: Waker) -> Self {
        Self {
            source,
            waker,
            running: None,
            is_stale: false,
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    /// Requests a reload on top of `present`; if one is running, another follows it.
    pub(super) fn begin(&mut self, present: ReloadBase) {
        if self.running.is_some() {
            self.is_stale = true;
        } else {
            self.running = Some(self.start(present));
        }
    }

    fn start(&self, present: ReloadBase) -> Arc<Mutex<Outcome>> {
        let outcome = Arc::default();
        let result = Arc::clone(&outcome);
        let (source, waker) = (ConfigSource::clone(&self.source), Waker::clone(&self.waker));
        let thread = thread::Builder::new()
            .name("reload".to_owned())
            .stack_size(THREAD_STACK_BYTES);
        let spawned = thread.spawn(move || {
            let read = read(&source, &present);
            *lock(&result) = Some(read);
            waker();
        });
        if let Err(error) = spawned {
            // Reported like an error in the files.
            let text = format!("cannot start the reload thread: {}", cause(&error));
            *lock(&outcome) = Some(Err(text));
        }
        outcome
    }

    /// The result of a reload that has finished. If another was requested, it starts on top of `present`.
    pub(super) fn take(
        &mut self,
        present: impl FnOnce() -> ReloadBase,
    ) -> Option<Result<ReloadResult, String>> {
        let outcome = self.running.as_ref()?;
        // In this order: the thread sets the outcome first, and then ends.
        let has_ended = Arc::strong_count(outcome) == 1;
        let result = match lock(outcome).take() {
            None if has_ended => Err("the reload thread panicked".to_owned()),
            outcome => outcome?,
        };
        self.running = None;
        if std::mem::take(&mut self.is_stale) {
            self.begin(present());
        }
        Some(result)
    }
}

fn lock(outcome: &Mutex<Outcome>) -> MutexGuard<'_, Outcome> {
    outcome.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(source: &ConfigSource, present: &ReloadBase) -> Result<ReloadResult, String> {
    // Also if the configuration turns out invalid.
    present.storage.refresh();
    let mut config = source()?;
    features::check(&config)?;
    let losses = losses::losses(&present.config, &config);
    if let Some(why) = losses::refusal(&losses, &config) {
        return Err(why);
    }
    for loss in losses {
        log::warn!("{}", loss.warning());
    }
    for key in keep_fixed_keys(&present.config, &mut config) {
        log::warn!("{key} has changed, which takes effect at the next start");
    }
    if config.accounts.needs_pam_helper() && !present.config.accounts.has_pam_helper() {
        let text = "account.pam: the PAM helper process is not running, because the server started \
                    without such an account; restart the server";
        return Err(text.to_owned());
    }
    let profile = present.capacity.profile(&config, mode(&config));
    if let Some(why) = present.hash_memory.refusal(&config, profile) {
        return Err(why);
    }
    let (acceptor, bad_certificate) = load_acceptor(&config, present)?;
    let account_storage =
        if config.root.is_some() && account_storage::differ(&present.config, &config) {
            Some(account_storage::reopen(&config, &present.storage)?)
        } else {
            None
        };
    warnings::log(&config, &present.addresses, present.now);
    Ok(ReloadResult {
        config,
        acceptor,
        bad_certificate,
        account_storage,
    })
}

/// The new acceptor, and the error if an unusable certificate leaves the present one in place, so
/// that the rest of the configuration still applies. Without a present one the error is fatal.
fn load_acceptor(
    config: &Config,
    present: &ReloadBase,
) -> Result<(Option<Acceptor>, Option<String>), String> {
    let Some(tls) = &config.tls else {
        return Ok((None, None));
    };
    match tls::load(tls, present.acceptor.as_ref(), present.now) {
        Ok(acceptor) => Ok((Some(acceptor), None)),
        Err(error) if present.acceptor.is_some() => Ok((None, Some(error))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also without a configuration file, and in a build that cannot read one.
    #[test]
    fn reload_keeps_what_is_fixed_at_the_start() {
        let old = Config::default();
        let mut new = Config {
            listen: vec!["127.0.0.1:2121".parse().unwrap()],
            root: Some("/another".into()),
            workers: 7,
            passive_ports: Some(50_000..=50_009),
            free_space_floor: 1,
            zone: "+02:00".parse().unwrap(),
            ..Config::default()
        };
        new.events.digest = true;
        let source: ConfigSource = Arc::new(move || Ok(new.clone()));
        let base = ReloadBase {
            config: old.clone(),
            acceptor: None,
            capacity: Capacity::default(),
            hash_memory: HashMemory::measure(),
            storage: KeptStorage::default(),
            addresses: Vec::new(),
            now: 0,
        };
        let mut read = read(&source, &base)
            .unwrap_or_else(|error| panic!("{error}"))
            .config;
        assert_ne!(read.zone, old.zone);
        read.zone = old.zone;
        assert_eq!(format!("{read:?}"), format!("{old:?}"));
    }
}
