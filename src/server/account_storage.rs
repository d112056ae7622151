//! Opens the served directories, the server's and those of accounts, and maps each account to its
//! storage and quota.
//!
//! A directory is opened once, however many accounts share it. A writable directory is swept for
//! leftover temporary files, and the files of an account with a quota are counted; both happen later,
//! on threads of their own. A reload keeps the counters of directories that are still served.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::auth::Account;
use crate::config::Config;
use crate::reactor::StorageByAccount;
use crate::storage::{
    Disk, EmptyStorage, PathLookup, Policy, Quota, QuotaStorage, Storage, Sweep, UsageCounter,
};

/// The opened directories, and the work that starts with the threads.
pub(super) struct OpenedStorage {
    /// The storage of accounts without a directory of their own.
    pub(super) storage: Arc<dyn Storage>,
    pub(super) account_storage: StorageByAccount,
    pub(super) counters: Counters,
    pub(super) sweeps: Vec<Sweep>,
}

/// Device and inode of a directory; unique while it is open.
type DirectoryId = (u64, u64);

/// One counter per directory, shared by all accounts that have it as their root, whatever the path.
/// Changes made through a root above or below it are seen only by a recount, as those of other
/// programs are.
pub(super) type Counters = HashMap<DirectoryId, Arc<UsageCounter>>;

struct OpenRoot {
    disk: Arc<dyn Storage>,
    identity: DirectoryId,
}

/// In the order of [`Config::roots`]; first the account's own directory, `None` for the server's.
type OpenRoots<'a> = Vec<(Option<&'a Path>, OpenRoot)>;

fn root_of<'r>(roots: &'r OpenRoots<'_>, own: Option<&Path>) -> Option<&'r OpenRoot> {
    let at = roots.binary_search_by_key(&own, |(own, _)| *own).ok()?;
    roots.get(at).map(|(_, root)| root)
}

/// The configuration key that names a directory; `None`: it is the server's.
pub(super) fn key_of(config: &Config, own: Option<&Path>) -> Option<String> {
    let own = own?;
    let accounts = config.accounts.iter();
    let names = accounts.filter(|account| account.root.as_deref() == Some(own));
    let name = names.map(|account| account.name.as_slice()).min()?;
    let name = String::from_utf8_lossy(name);
    Some(format!("account.directory of {name:?}"))
}

/// Opens all directories. Counters in `present` are reused, not counted again.
pub(super) fn open(config: &Config, present: &Counters) -> Result<OpenedStorage, Error> {
    let mut roots = OpenRoots::new();
    let mut sweeps = Vec::new();
    let mut walks = false;
    for (own, root) in config.roots() {
        let failed = |error| Error::Root(root.to_owned(), key_of(config, own), error);
        let disk = Disk::open_root(root).map_err(failed)?;
        let identity = disk.identity().map_err(failed)?;
        walks |= disk.lookup() == PathLookup::Walk;
        // A directory that no account may write to stays untouched.
        if config.remove_unfinished && config.accounts.may_write(own) {
            sweeps.push(disk.sweep());
        }
        let policy = Policy {
            durability: config.durability,
            free_space_floor: config.free_space_floor,
            replace: config.replace,
        };
        let disk = Arc::new(disk.with_policy(policy));
        roots.push((own, OpenRoot { disk, identity }));
    }
    if walks {
        log::warn!(
            "Paths: the kernel, or a filter of system calls around the server, has no openat2 (Linux \
             5.6): files are opened by workers only, which is slower"
        );
    }
    let counters = counters(config, &roots, present);
    let account_storage = account_storage(config, &roots, &counters);
    let storage: Arc<dyn Storage> = match root_of(&roots, None) {
        Some(root) => Arc::clone(&root.disk),
        None => Arc::new(EmptyStorage),
    };
    Ok(OpenedStorage {
        storage,
        account_storage,
        counters,
        sweeps,
    })
}

/// A counter for each directory of an account with a quota: the present one, or a new one.
fn counters(config: &Config, roots: &OpenRoots<'_>, present: &Counters) -> Counters {
    let mut counters = Counters::new();
    for account in config.accounts.iter() {
        let root = root_of(roots, account.root.as_deref());
        let Some(root) = root.filter(|_| quota(account).is_limited()) else {
            continue;
        };
        if let Entry::Vacant(entry) = counters.entry(root.identity) {
            let counter = present.get(&root.identity).cloned();
            let new = || Arc::new(UsageCounter::new(Arc::default(), Arc::clone(&root.disk)));
            entry.insert(counter.unwrap_or_else(new));
        }
    }
    counters
}

fn account_storage(
    config: &Config,
    roots: &OpenRoots<'_>,
    counters: &Counters,
) -> StorageByAccount {
    let storage_of = |account: &Arc<Account>| {
        let root = root_of(roots, account.root.as_deref())?;
        let disk = Arc::clone(&root.disk);
        let storage: Arc<dyn Storage> = match counters.get(&root.identity) {
            // Metered also without a quota of its own: the directory may be shared with an account
            // that has one.
            Some(counter) => {
                let counter = Arc::clone(counter);
                Arc::new(QuotaStorage::with_recounts(disk, counter, quota(account)))
            }
            None => disk,
        };
        Some((account.name.clone(), storage))
    };
    config.accounts.iter().filter_map(storage_of).collect()
}

/// Whether the directory or the quota of any account differs between the two.
pub(super) fn differ(one: &Config, other: &Config) -> bool {
    let is_in_other = |account: &Arc<Account>| {
        // The anonymous account is found by another name, too.
        other.accounts.get(&account.name).is_some_and(|same| {
            (&same.name, &same.root) == (&account.name, &account.root)
                && quota(same) == quota(account)
        })
    };
    let count = |config: &Config| config.accounts.iter().count();
    count(one) != count(other) || !one.accounts.iter().all(is_in_other)
}

/// Opens the directories again for a reload, and starts the count of those with their first quota.
pub(super) fn reopen(
    config: &Config,
    present: &Counters,
) -> Result<(StorageByAccount, Counters), String> {
    let opened = open(config, present).map_err(|error| error.to_string())?;
    let is_new = |counter: &&Arc<UsageCounter>| counter.usage().is_unknown();
    let first = opened.counters.values().filter(is_new);
    first.for_each(UsageCounter::request_recount);
    Ok((opened.account_storage, opened.counters))
}

const fn quota(account: &Account) -> Quota {
    Quota {
        bytes: account.quota_bytes,
        files: account.quota_files,
    }
}
