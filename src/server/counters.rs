//! The counts of the directories with a quota, and which storage an account gets by them.
//!
//! A directory has one counter, shared by all accounts that have it as their root. A thread counts the
//! directories again, slowly and one at a time: this is how changes by other programs reach the usage of a
//! quota that refuses nothing. In a build without the Cargo feature `quotas`, `no_counters.rs` replaces this.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use super::DirectoryId;
use crate::auth::Account;
use crate::cause::cause;
use crate::limits::THREAD_STACK_BYTES;
use crate::storage::{Quota, QuotaStorage, Storage, UsageCounter};

/// Whether the Cargo feature `quotas` is on.
pub(super) const IS_BUILT_IN: bool = true;

/// One counter per directory, whatever the path. Changes made through a root above or below it are seen only
/// by a recount, as those of other programs are.
#[derive(Clone, Default)]
pub(super) struct Counters(HashMap<DirectoryId, Arc<UsageCounter>>);

impl Counters {
    /// Adds a counter for the directory of an account with a quota: the present one, or a new one.
    pub(super) fn with(
        mut self,
        account: &Account,
        identity: DirectoryId,
        disk: &Arc<dyn Storage>,
        present: &Self,
    ) -> Self {
        if quota(account).is_limited() {
            let counter = present.0.get(&identity).cloned();
            let new = || Arc::new(UsageCounter::new(Arc::default(), Arc::clone(disk)));
            let counter = counter.unwrap_or_else(new);
            self.0.entry(identity).or_insert(counter);
        }
        self
    }

    /// The storage of an account: metered also without a quota of its own if the directory is shared with an
    /// account that has one.
    pub(super) fn metered(
        &self,
        account: &Account,
        identity: DirectoryId,
        disk: Arc<dyn Storage>,
    ) -> Arc<dyn Storage> {
        match self.0.get(&identity) {
            Some(counter) => {
                let counter = Arc::clone(counter);
                Arc::new(QuotaStorage::with_recounts(disk, counter, quota(account)))
            }
            None => disk,
        }
    }

    /// Counts all directories, on threads of their own.
    pub(super) fn request_recounts(&self) {
        self.0.values().for_each(UsageCounter::request_recount);
    }

    /// Counts those that were never counted.
    pub(super) fn request_first_counts(&self) {
        let is_new = |counter: &&Arc<UsageCounter>| counter.usage().is_unknown();
        let first = self.0.values().filter(is_new);
        first.for_each(UsageCounter::request_recount);
    }

    /// Starts the thread that counts them again at this interval. A failure is not fatal: a directory is also
    /// recounted before a quota refuses an upload.
    pub(super) fn start_recounts(&self, every: Duration) -> Option<Recounts> {
        let started = Recounts::start(self.0.values().cloned().collect(), every);
        started.unwrap_or_else(|error| {
            let why = cause(&error);
            log::warn!(
                "Cannot start the recount thread: quotas see changes by other programs late: {why}"
            );
            None
        })
    }
}

/// Whether two accounts have the same quota.
pub(super) fn same_quota(one: &Account, other: &Account) -> bool {
    quota(one) == quota(other)
}

const fn quota(account: &Account) -> Quota {
    Quota {
        bytes: account.quota_bytes,
        files: account.quota_files,
    }
}

/// The recount thread; dropping this ends it at its next step.
#[must_use = "dropping it ends the thread"]
pub(super) struct Recounts {
    /// Closing the channel is the signal to end; nothing is sent.
    _end: Sender<()>,
}

impl Recounts {
    /// Starts the thread; `None` without counters, or if `every` is zero.
    fn start(counters: Vec<Arc<UsageCounter>>, every: Duration) -> io::Result<Option<Self>> {
        if counters.is_empty() || every.is_zero() {
            return Ok(None);
        }
        let (end, ended) = channel();
        thread::Builder::new()
            .name("recount".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let continues = || ended.try_recv() == Err(TryRecvError::Empty);
                while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    for counter in &counters {
                        counter.recount_slowly(&continues);
                    }
                }
            })?;
        Ok(Some(Self { _end: end }))
    }
}
