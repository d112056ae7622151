//! The total size of the files in a directory and below (DSIZ).
//!
//! A depth-first walk in bounded slices, with the pending directories on a stack instead of in recursive
//! calls. The stack is bounded; a tree that needs more is refused. Links are not followed, so the walk
//! ends.

use super::TaskResult;
use crate::limits::{DIRECTORIES_BYTES, DIRECTORIES_PENDING, LISTING_ENTRIES};
use crate::storage::{Directory, Error, Kind, Result, Storage, VirtualPath};

pub(super) struct Measuring {
    path: VirtualPath,
    directory: Box<dyn Directory>,
    pending: Vec<VirtualPath>,
    /// The memory that `pending` takes, in bytes.
    pending_bytes: usize,
    total: u64,
}

impl Measuring {
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath) -> Result<Self> {
        Ok(Self {
            path: path.clone(),
            directory: storage.list(path)?,
            pending: Vec::new(),
            pending_bytes: 0,
            total: 0,
        })
    }

    pub(super) fn slice(&mut self, storage: &dyn Storage) -> Result<Option<TaskResult>> {
        for _ in 0..LISTING_ENTRIES {
            let Some(entry) = self.directory.next_entry()? else {
                if !self.open_next(storage)? {
                    return Ok(Some(TaskResult::Size(self.total)));
                }
                continue;
            };
            match entry.metadata.kind {
                Kind::File => self.total = self.total.saturating_add(entry.metadata.size),
                Kind::Directory => {
                    if let Ok(path) = self.path.join(&entry.name) {
                        self.push(path)?;
                    }
                }
                Kind::Link | Kind::Other(_) => {}
            }
        }
        Ok(None)
    }

    fn push(&mut self, path: VirtualPath) -> Result<()> {
        self.pending_bytes += path.cost();
        if self.pending.len() == DIRECTORIES_PENDING || self.pending_bytes > DIRECTORIES_BYTES {
            return Err(Error::TooLarge);
        }
        self.pending.push(path);
        Ok(())
    }

    /// Opens the next directory; false at the end. One that was removed or is not readable has no size.
    fn open_next(&mut self, storage: &dyn Storage) -> Result<bool> {
        let Some(path) = self.pending.pop() else {
            return Ok(false);
        };
        self.pending_bytes = self.pending_bytes.saturating_sub(path.cost());
        match storage.list(&path) {
            Ok(directory) => {
                self.directory = directory;
                self.path = path;
            }
            Err(Error::NotFound | Error::NotDirectory | Error::Denied) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}
