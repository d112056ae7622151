//! What is served: the server's directory, those that accounts have of their own, and which files
//! each account sees, with its quota.
//!
//! Directories are opened once, at the start, however many accounts share them. Where somebody may
//! write, what was left unfinished there is removed; where an account has a quota, its files are
//! counted: both later, on threads of their own. When other files are to be seen while the server runs,
//! what is counted stays so, and goes on to be counted together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::auth::Account;
use crate::config::Config;
use crate::reactor::StorageByAccount;
use crate::storage::{Counter, Disk, Metered, Nothing, Policy, Quota, Storage, Sweep};

/// What is served, and what is to be done to it after the start.
pub(super) struct Opened {
    /// What accounts see that have nothing of their own.
    pub(super) storage: Arc<dyn Storage>,
    pub(super) account_storage: StorageByAccount,
    pub(super) counters: Counters,
    pub(super) sweeps: Vec<Sweep>,
}

/// Device and inode of a directory. As long as somebody has it open no other can have them.
type Identity = (u64, u64);

/// What counts each directory, whatever names it has, for all whose own it is. Those with one above or
/// below it are as other programs: by which paths they get there is not known.
pub(super) type Counters = HashMap<Identity, Arc<Counter>>;

/// A directory that is open.
struct Place {
    disk: Arc<dyn Storage>,
    identity: Identity,
}

/// By the directory that an account has of its own.
type Places<'a> = HashMap<Option<&'a Path>, Place>;

/// Which key of which account names a directory; `None`: it is the server's.
pub(super) fn key_of(config: &Config, seen: Option<&Path>) -> Option<String> {
    let seen = seen?;
    let accounts = config.accounts.iter();
    let names = accounts.filter(|account| account.root.as_deref() == Some(seen));
    let name = names.map(|account| account.name.as_slice()).min()?;
    let name = String::from_utf8_lossy(name);
    Some(format!("account.directory of {name:?}"))
}

/// Opens it. What is counted at `present` is not counted again.
pub(super) fn open(config: &Config, present: &Counters) -> Result<Opened, Error> {
    let mut places = Places::new();
    let mut sweeps = Vec::new();
    for (seen, root) in config.roots() {
        let cannot = |error| Error::Root(root.to_owned(), key_of(config, seen), error);
        let disk = Disk::open_root(root).map_err(cannot)?;
        let identity = disk.identity().map_err(cannot)?;
        // Whoever serves a directory that nobody may write to does not expect files to go from it.
        if config.remove_unfinished && config.accounts.may_write(seen) {
            sweeps.push(disk.sweep());
        }
        let policy = Policy {
            durability: config.durability,
            free_space_floor: config.free_space_floor,
        };
        let disk = Arc::new(disk.with_policy(policy));
        places.insert(seen, Place { disk, identity });
    }
    let counters = counters(config, &places, present);
    let account_storage = account_storage(config, &places, &counters);
    let storage: Arc<dyn Storage> = match places.remove(&None) {
        Some(place) => place.disk,
        None => Arc::new(Nothing),
    };
    Ok(Opened {
        storage,
        account_storage,
        counters,
        sweeps,
    })
}

/// What is to be counted for a quota, by what does so already where there is such.
fn counters(config: &Config, places: &Places<'_>, present: &Counters) -> Counters {
    let mut counters = Counters::new();
    for account in config.accounts.iter() {
        let place = places.get(&account.root.as_deref());
        let Some(place) = place.filter(|_| quota(account).is_limited()) else {
            continue;
        };
        if let Entry::Vacant(entry) = counters.entry(place.identity) {
            let counter = present.get(&place.identity).cloned();
            let anew = || Arc::new(Counter::new(Arc::default(), Arc::clone(&place.disk)));
            entry.insert(counter.unwrap_or_else(anew));
        }
    }
    counters
}

/// Which of them each account sees.
fn account_storage(config: &Config, places: &Places<'_>, counters: &Counters) -> StorageByAccount {
    let home = |account: &Arc<Account>| {
        let place = places.get(&account.root.as_deref())?;
        let disk = Arc::clone(&place.disk);
        let home: Arc<dyn Storage> = match counters.get(&place.identity) {
            // Those without a quota change what those with one have left.
            Some(counter) => {
                let counter = Arc::clone(counter);
                Arc::new(Metered::recounting(disk, counter, quota(account)))
            }
            None => disk,
        };
        Some((account.name.clone(), home))
    };
    config.accounts.iter().filter_map(home).collect()
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

/// Opens what accounts see while a server runs. What gets its first quota is counted.
pub(super) fn reopen(
    config: &Config,
    present: &Counters,
) -> Result<(StorageByAccount, Counters), String> {
    let opened = open(config, present).map_err(|error| error.to_string())?;
    let is_new = |counter: &&Arc<Counter>| counter.usage().is_unknown();
    let first = opened.counters.values().filter(is_new);
    first.for_each(Counter::count_anew);
    Ok((opened.account_storage, opened.counters))
}

const fn quota(account: &Account) -> Quota {
    Quota {
        bytes: account.quota_bytes,
        files: account.quota_files,
    }
}
