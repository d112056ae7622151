//! Which files each account sees: the server's, a directory of its own, and either with a quota.
//!
//! Directories are opened once, at the start, however many accounts share them; and counted, where
//! an account has a quota there, on a thread that nobody waits for.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::{io, thread};

use crate::auth::{Account, Accounts};
use crate::reactor::Homes;
use crate::server::Error;
use crate::storage::{Disk, Metered, Quota, Storage, Usage};

/// Opens what the accounts have of their own; `shared` is what all others see.
pub(crate) fn open(accounts: &Accounts, shared: &Arc<dyn Storage>) -> Result<Homes, Error> {
    let mut disks: HashMap<Option<PathBuf>, Arc<dyn Storage>> = HashMap::new();
    disks.insert(None, Arc::clone(shared));
    let mut usages: HashMap<Option<PathBuf>, Arc<Usage>> = HashMap::new();
    for account in accounts.iter() {
        if let Some(root) = &account.root
            && !disks.contains_key(&account.root)
        {
            let disk = Disk::open_root(root).map_err(|error| Error::Root(root.clone(), error))?;
            disks.insert(account.root.clone(), Arc::new(disk));
        }
        if quota(account).is_limited() {
            usages.entry(account.root.clone()).or_default();
        }
    }
    for (root, usage) in &usages {
        if let Some(disk) = disks.get(root) {
            count(usage, disk).map_err(|error| Error::System("cannot count files", error))?;
        }
    }
    let home = |account: &Arc<Account>| {
        let disk = Arc::clone(disks.get(&account.root)?);
        let home: Arc<dyn Storage> = match usages.get(&account.root) {
            // Those without a quota change what those with one have left.
            Some(usage) => Arc::new(Metered::new(disk, Arc::clone(usage), quota(account))),
            None => disk,
        };
        Some((account.name.clone(), home))
    };
    Ok(accounts.iter().filter_map(home).collect())
}

const fn quota(account: &Account) -> Quota {
    Quota {
        bytes: account.quota_bytes,
        files: account.quota_files,
    }
}

fn count(usage: &Arc<Usage>, disk: &Arc<dyn Storage>) -> io::Result<()> {
    let (usage, disk) = (Arc::clone(usage), Arc::clone(disk));
    let count = move || {
        if let Err(error) = usage.count(disk.as_ref()) {
            log::error!("Cannot count what a quota is for: {error}");
        }
    };
    thread::Builder::new()
        .name("quota".to_owned())
        .spawn(count)?;
    Ok(())
}
