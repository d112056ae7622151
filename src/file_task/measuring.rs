//! The size of a tree: the bytes of all files in a directory and below (DSIZ).
//!
//! It goes depth first, with the directories that are still to come on a stack instead of in
//! calls. The stack has a limit, beyond which the tree is too large to be measured. Links are
//! not followed, so no file counts twice and there is no circle.

use super::TaskResult;
use crate::limits::{DIRECTORIES_BYTES, DIRECTORIES_PENDING, LISTING_ENTRIES};
use crate::storage::{Directory, Error, Kind, Result, Storage, VirtualPath};

pub(super) struct Measuring {
    here: VirtualPath,
    directory: Box<dyn Directory>,
    pending: Vec<VirtualPath>,
    /// What the list costs.
    cost: usize,
    bytes: u64,
}

impl Measuring {
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath) -> Result<Self> {
        Ok(Self {
            here: path.clone(),
            directory: storage.list(path)?,
            pending: Vec::new(),
            cost: 0,
            bytes: 0,
        })
    }

    pub(super) fn slice(&mut self, storage: &dyn Storage) -> Result<Option<TaskResult>> {
        for _ in 0..LISTING_ENTRIES {
            let Some(entry) = self.directory.next_entry()? else {
                if !self.descend(storage)? {
                    return Ok(Some(TaskResult::Size(self.bytes)));
                }
                continue;
            };
            match entry.metadata.kind {
                Kind::File => self.bytes = self.bytes.saturating_add(entry.metadata.size),
                Kind::Directory => {
                    if let Ok(path) = self.here.join(&entry.name) {
                        self.remember(path)?;
                    }
                }
                Kind::Link | Kind::Other(_) => {}
            }
        }
        Ok(None)
    }

    fn remember(&mut self, path: VirtualPath) -> Result<()> {
        self.cost += path.cost();
        if self.pending.len() == DIRECTORIES_PENDING || self.cost > DIRECTORIES_BYTES {
            return Err(Error::TooLarge);
        }
        self.pending.push(path);
        Ok(())
    }

    /// To the next directory; one that is gone or closed to us has no size.
    fn descend(&mut self, storage: &dyn Storage) -> Result<bool> {
        let Some(path) = self.pending.pop() else {
            return Ok(false);
        };
        self.cost = self.cost.saturating_sub(path.cost());
        match storage.list(&path) {
            Ok(directory) => {
                self.directory = directory;
                self.here = path;
            }
            Err(Error::NotFound | Error::NotDirectory | Error::Denied) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}
