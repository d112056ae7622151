//! What is served: the server's directory, those that accounts have of their own, and which files
//! each account sees, with its quota.
//!
//! Directories are opened once, at the start, however many accounts share them. Where somebody may
//! write, what was left unfinished there is removed; where an account has a quota, its files are
//! counted: both later, on threads that nobody waits for. When other files are to be seen while the
//! server runs, what is counted stays so, and goes on to be counted together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    pub(super) usages: Usages,
    pub(super) sweeps: Vec<Sweep>,
    pub(super) counts: Vec<Count>,
}

/// Device and inode of a directory. As long as somebody has it open no other can have them.
type Identity = (u64, u64);

/// What is counted of each directory, whatever names it has, for all whose own it is. Those with one
/// above or below it are as other programs: by which paths they get there is not known.
pub(super) type Usages = HashMap<Identity, Arc<Usage>>;

/// A directory that is open.
struct Place {
    disk: Arc<dyn Storage>,
    identity: Identity,
}

/// By the directory that an account has of its own.
type Places<'a> = HashMap<Option<&'a Path>, Place>;

/// Opens it. What is counted at `present` is not counted again.
pub(super) fn open(config: &Config, present: &Usages) -> Result<Opened, Error> {
    let mut places = Places::new();
    let mut sweeps = Vec::new();
    for (seen, root) in config.roots() {
        let cannot = |error| Error::Root(root.to_owned(), error);
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
    let (usages, counts) = usages(config, &places, present);
    let homes = homes(config, &places, &usages);
    let storage: Arc<dyn Storage> = match places.remove(&None) {
        Some(place) => place.disk,
        None => Arc::new(Nothing),
    };
    Ok(Opened {
        storage,
        homes,
        usages,
        sweeps,
        counts,
    })
}

/// What is to be counted of which directories, and by whom it has not been.
fn usages(config: &Config, places: &Places<'_>, present: &Usages) -> (Usages, Vec<Count>) {
    let (mut usages, mut counts) = (Usages::new(), Vec::new());
    for account in config.accounts.iter() {
        let place = places.get(&account.root.as_deref());
        let Some(place) = place.filter(|_| quota(account).is_limited()) else {
            continue;
        };
        if let Entry::Vacant(entry) = usages.entry(place.identity) {
            let usage = present.get(&place.identity).cloned().unwrap_or_default();
            if usage.is_unknown() {
                let (usage, disk) = (Arc::clone(&usage), Arc::clone(&place.disk));
                counts.push(Count { usage, disk });
            }
            entry.insert(usage);
        }
    }
    (usages, counts)
}

/// Which of them each account sees.
fn homes(config: &Config, places: &Places<'_>, usages: &Usages) -> Homes {
    let home = |account: &Arc<Account>| {
        let place = places.get(&account.root.as_deref())?;
        let disk = Arc::clone(&place.disk);
        let home: Arc<dyn Storage> = match usages.get(&place.identity) {
            // Those without a quota change what those with one have left.
            Some(usage) => Arc::new(Metered::new(disk, Arc::clone(usage), quota(account))),
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
pub(super) fn reopen(config: &Config, present: &Usages) -> Result<(Homes, Usages), String> {
    let opened = open(config, present).map_err(|error| error.to_string())?;
    for count in opened.counts {
        let cannot = |error| format!("cannot count what a quota is for: {error}");
        count.start().map_err(cannot)?;
    }
    Ok((opened.homes, opened.usages))
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
