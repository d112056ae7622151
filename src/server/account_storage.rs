//! Opens the served directories, the server's and those of accounts, and maps each account to its
//! storage and quota.
//!
//! A directory is opened once, however many accounts share it. A writable directory is swept for
//! leftover temporary files, and the files of an account with a quota are counted; both happen later,
//! on threads of their own. A reload keeps the directories that are still served, opened again by then, and
//! their counters.

use std::path::Path;
use std::sync::Arc;

use rustix::fs::Access;

use super::counters::{Counters, same_quota};
use super::{DirectoryId, Error};
use crate::auth::Account;
use crate::cause;
use crate::config::Config;
use crate::reactor::StorageByAccount;
use crate::storage::{Disk, EmptyStorage, PathLookup, Policy, Storage, Sweep};

/// The opened directories, and the work that starts with the threads.
pub(super) struct OpenedStorage {
    /// The storage of accounts without a directory of their own.
    pub(super) storage: Arc<dyn Storage>,
    pub(super) account_storage: StorageByAccount,
    pub(super) kept: KeptStorage,
    pub(super) sweeps: Vec<Sweep>,
}

/// What a reload keeps.
#[derive(Clone, Default)]
pub(super) struct KeptStorage {
    disks: Vec<KeptDisk>,
    counters: Counters,
}

#[derive(Clone)]
struct KeptDisk {
    disk: Disk,
    /// Whether an account may write to it.
    is_written: bool,
}

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

impl KeptStorage {
    pub(super) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Opens each directory again at its path, and has those with a quota counted again: SIGHUP is how an
    /// operator tells of another file system, and of files that other programs removed.
    pub(super) fn refresh(&self) {
        for KeptDisk { disk, is_written } in &self.disks {
            if let Err(error) = disk.reopen(*is_written) {
                let path = disk.path();
                let mut wanted = Access::READ_OK | Access::EXEC_OK;
                wanted.set(Access::WRITE_OK, *is_written);
                let why = cause::of_path(&error, path, wanted);
                let path = path.display();
                log::warn!("Cannot open {path} again, so what was there is still served: {why}");
            }
        }
        self.counters.request_recounts();
    }

    fn disk(&self, root: &Path) -> Option<Disk> {
        let mut disks = self.disks.iter().map(|kept| &kept.disk);
        disks.find(|disk| disk.path() == root).cloned()
    }
}

/// Opens all directories, except those in `present`, whose counters are not counted again either.
pub(super) fn open(config: &Config, present: &KeptStorage) -> Result<OpenedStorage, Error> {
    let mut roots = OpenRoots::new();
    let (mut sweeps, mut disks) = (Vec::new(), Vec::new());
    let mut walks = false;
    let policy = Policy {
        durability: config.durability,
        free_space_floor: config.free_space_floor,
        replace: config.replace,
    };
    for (own, root) in config.roots() {
        let failed = |error| Error::Root(root.to_owned(), key_of(config, own), error);
        let open = if config.reopen {
            Disk::by_path
        } else {
            Disk::open_root
        };
        let disk = match present.disk(root) {
            Some(disk) => disk,
            None => open(root).map_err(failed)?.with_policy(policy),
        };
        let identity = disk.identity().map_err(failed)?;
        walks |= disk.lookup() == PathLookup::Walk;
        // A directory that no account may write to stays untouched.
        let is_written = config.accounts.may_write(own);
        if config.remove_unfinished && is_written {
            sweeps.push(disk.sweep());
        }
        let kept = KeptDisk {
            disk: disk.clone(),
            is_written,
        };
        disks.push(kept);
        let disk = Arc::new(disk);
        roots.push((own, OpenRoot { disk, identity }));
    }
    if walks {
        log::warn!(
            "Paths: the kernel, or a filter of system calls around the server, has no openat2 (Linux \
             5.6): files are opened by workers only, which is slower"
        );
    }
    let counters = counters(config, &roots, &present.counters);
    let account_storage = account_storage(config, &roots, &counters);
    let storage: Arc<dyn Storage> = match root_of(&roots, None) {
        Some(root) => Arc::clone(&root.disk),
        None => Arc::new(EmptyStorage),
    };
    Ok(OpenedStorage {
        storage,
        account_storage,
        kept: KeptStorage { disks, counters },
        sweeps,
    })
}

/// A counter for each directory of an account with a quota: the present one, or a new one.
fn counters(config: &Config, roots: &OpenRoots<'_>, present: &Counters) -> Counters {
    let mut counters = Counters::default();
    for account in config.accounts.iter() {
        if let Some(OpenRoot { disk, identity }) = root_of(roots, account.root.as_deref()) {
            counters = counters.with(account, *identity, disk, present);
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
        let storage = counters.metered(account, root.identity, disk);
        Some((account.name.clone(), storage))
    };
    config.accounts.iter().filter_map(storage_of).collect()
}

/// Whether the directory or the quota of any account differs between the two.
pub(super) fn differ(one: &Config, other: &Config) -> bool {
    let is_in_other = |account: &Arc<Account>| {
        // The anonymous account is found by another name, too.
        other.accounts.get(&account.name).is_some_and(|same| {
            (&same.name, &same.root) == (&account.name, &account.root) && same_quota(same, account)
        })
    };
    let count = |config: &Config| config.accounts.iter().count();
    count(one) != count(other) || !one.accounts.iter().all(is_in_other)
}

/// Opens the directories that a reload adds, and starts the count of those with their first quota.
pub(super) fn reopen(
    config: &Config,
    present: &KeptStorage,
) -> Result<(StorageByAccount, KeptStorage), String> {
    let opened = open(config, present).map_err(|error| error.to_string())?;
    opened.kept.counters.request_first_counts();
    Ok((opened.account_storage, opened.kept))
}
