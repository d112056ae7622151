//! What is served: the server's directory, those that accounts have of their own, and which files
//! each account sees, with its quota.
//!
//! Directories are opened once, at the start, however many accounts share them. Where somebody may
//! write, what was left unfinished there is removed; where an account has a quota, its files are
//! counted: both later, on threads that nobody waits for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::{io, thread};

use super::Error;
use crate::auth::Account;
use crate::config::Config;
use crate::limits::THREAD_STACK_BYTES;
use crate::reactor::Homes;
use crate::storage::{Disk, Metered, Nothing, Policy, Quota, Storage, Sweep, Usage};

/// What is served, and what is to be done to it after the start.
pub(super) struct Opened {
    /// What accounts see that have nothing of their own.
    pub(super) storage: Arc<dyn Storage>,
    pub(super) homes: Homes,
    pub(super) sweeps: Vec<Sweep>,
    pub(super) counts: Vec<Count>,
}

/// By the directory that an account has of its own.
type ByRoot<'a, T> = HashMap<Option<&'a Path>, T>;

/// Opens it.
pub(super) fn open(config: &Config) -> Result<Opened, Error> {
    let mut disks: ByRoot<'_, Arc<dyn Storage>> = HashMap::new();
    let mut sweeps = Vec::new();
    for (seen, root) in config.roots() {
        let disk = Disk::open_root(root).map_err(|error| Error::Root(root.to_owned(), error))?;
        // Whoever serves a directory that nobody may write to does not expect files to go from it.
        if config.remove_unfinished && config.accounts.may_write(seen) {
            sweeps.push(disk.sweep());
        }
        let policy = Policy {
            durability: config.durability,
            free_space_floor: config.free_space_floor,
        };
        disks.insert(seen, Arc::new(disk.with_policy(policy)));
    }
    let (homes, counts) = homes(config, &disks);
    let nothing = || Arc::new(Nothing) as Arc<dyn Storage>;
    let storage = disks.remove(&None).unwrap_or_else(nothing);
    Ok(Opened {
        storage,
        homes,
        sweeps,
        counts,
    })
}

/// Which of them each account sees, and what is to be counted for that.
fn homes(config: &Config, disks: &ByRoot<'_, Arc<dyn Storage>>) -> (Homes, Vec<Count>) {
    let mut usages: ByRoot<'_, Arc<Usage>> = HashMap::new();
    for account in config.accounts.iter() {
        if quota(account).is_limited() {
            usages.entry(account.root.as_deref()).or_default();
        }
    }
    let home = |account: &Arc<Account>| {
        let root = account.root.as_deref();
        let disk = Arc::clone(disks.get(&root)?);
        let home: Arc<dyn Storage> = match usages.get(&root) {
            // Those without a quota change what those with one have left.
            Some(usage) => Arc::new(Metered::new(disk, Arc::clone(usage), quota(account))),
            None => disk,
        };
        Some((account.name.clone(), home))
    };
    let homes = config.accounts.iter().filter_map(home).collect();
    let count = |(root, usage)| {
        let disk = Arc::clone(disks.get(&root)?);
        Some(Count { usage, disk })
    };
    (homes, usages.into_iter().filter_map(count).collect())
}

/// Whether an account sees other files in one than in the other, or with another quota.
pub(super) fn differ(one: &Config, other: &Config) -> bool {
    let seen = |config: &Config| {
        let accounts = config.accounts.iter();
        let seen = accounts.map(|account| {
            let quota = quota(account);
            let home = (account.root.clone(), quota.bytes, quota.files);
            (account.name.clone(), home)
        });
        seen.collect::<HashMap<_, _>>()
    };
    seen(one) != seen(other)
}

/// Opens what accounts see while a server runs. What a quota is for is counted anew; those who are
/// in go on with what they have.
pub(super) fn reopen(config: &Config) -> Result<Homes, String> {
    let opened = open(config).map_err(|error| error.to_string())?;
    for count in opened.counts {
        let cannot = |error| format!("cannot count what a quota is for: {error}");
        count.start().map_err(cannot)?;
    }
    Ok(opened.homes)
}

const fn quota(account: &Account) -> Quota {
    Quota {
        bytes: account.quota_bytes,
        files: account.quota_files,
    }
}

/// A tree that is to be counted.
pub(super) struct Count {
    usage: Arc<Usage>,
    disk: Arc<dyn Storage>,
}

impl Count {
    /// Starts a thread for it.
    pub(super) fn start(self) -> io::Result<()> {
        let count = move || {
            if let Err(error) = self.usage.count(self.disk.as_ref()) {
                log::error!("Cannot count what a quota is for: {error}");
            }
        };
        thread::Builder::new()
            .name("quota".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(count)?;
        Ok(())
    }
}
