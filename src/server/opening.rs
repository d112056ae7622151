//! What a server is made of, opened: the directory and the workers.
//!
//! All of it happens before the process gives up its rights. What needs a thread is only laid
//! out here, and started by [`Later`]: a thread keeps the rights that it was started with.

use std::io;
use std::sync::Arc;

use super::Error;
use crate::config::Config;
use crate::net::Waker;
use crate::observe::Observers;
use crate::session::Mode;
use crate::storage::{Disk, Nothing, Policy, Storage, Sweep};
use crate::workers::{Crew, Inline, Pool, Runner, Sweeper};

/// What is served, and what is to be done to it after the start.
pub(super) struct Opened {
    pub(super) mode: Mode,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) sweep: Option<Sweep>,
}

pub(super) fn open_storage(config: &Config) -> Result<Opened, Error> {
    let Some(root) = &config.root else {
        return Ok(Opened {
            mode: Mode::ControlOnly,
            storage: Arc::new(Nothing),
            sweep: None,
        });
    };
    let disk = Disk::open_root(root).map_err(|error| Error::Root(root.clone(), error))?;
    // Whoever serves a directory that nobody may write to does not expect files to go from it.
    let sweeps = config.remove_unfinished && config.accounts.may_write();
    let sweep = sweeps.then(|| disk.sweep());
    let policy = Policy {
        durability: config.durability,
        free_space_floor: config.free_space_floor,
    };
    Ok(Opened {
        mode: Mode::Serving,
        storage: Arc::new(disk.with_policy(policy)),
        sweep,
    })
}

/// What waits for the first turn: its threads get the rights that the process has left then.
pub(super) struct Later {
    pub(super) crew: Option<Crew>,
    pub(super) sweep: Option<Sweep>,
    pub(super) observers: Observers,
}

impl Later {
    /// Starts the threads.
    pub(super) fn start(self) -> io::Result<Option<Sweeper>> {
        if let Some(crew) = self.crew {
            crew.start()?;
        }
        self.observers.start()?;
        Ok(self.sweep.and_then(start_sweeper))
    }
}

/// A server is of use without: what was left takes room and is not seen.
fn start_sweeper(sweep: Sweep) -> Option<Sweeper> {
    let started = Sweeper::start(sweep);
    started
        .inspect_err(|error| log::warn!("Unfinished uploads are not removed: {error}"))
        .ok()
}

pub(super) fn workers_for(
    threads: usize,
    storage: Arc<dyn Storage>,
    waker: &Waker,
) -> (Box<dyn Runner>, Option<Crew>) {
    if threads == 0 {
        return (Box::new(Inline::new(storage)), None);
    }
    let (pool, crew) = Pool::new(threads, storage, Arc::clone(waker));
    (Box::new(pool), Some(crew))
}
