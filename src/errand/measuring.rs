//! The size of a tree: the bytes of all files in a directory and below (DSIZ).
//!
//! It goes depth first, with the directories that are still to come on a stack instead of in
//! calls. The stack has a limit, beyond which the tree is too large to be measured. Links are
//! not followed, so no file counts twice and there is no circle.

use super::Findings;
use crate::limits::{DIRECTORIES_PENDING, LISTING_ENTRIES};
use crate::storage::{Directory, Error, Kind, Result, Storage, VirtualPath};

pub(super) struct Measuring {
    here: VirtualPath,
    directory: Box<dyn Directory>,
    pending: Vec<VirtualPath>,
    bytes: u64,
}

impl Measuring {
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath) -> Result<Self> {
        Ok(Self {
            here: path.clone(),
            directory: storage.list(path)?,
            pending: Vec::new(),
            bytes: 0,
        })
    }

    pub(super) fn slice(&mut self, storage: &dyn Storage) -> Result<Option<Findings>> {
        for _ in 0..LISTING_ENTRIES {
            let Some(entry) = self.directory.next_entry()? else {
                if !self.descend(storage)? {
                    return Ok(Some(Findings::Size(self.bytes)));
                }
                continue;
            };
            match entry.metadata.kind {
                Kind::File => self.bytes = self.bytes.saturating_add(entry.metadata.size),
                Kind::Directory => {
                    if self.pending.len() == DIRECTORIES_PENDING {
                        return Err(Error::TooLarge);
                    }
                    // Not by the name alone: it may begin with anything but a slash.
                    let name = [b"./", entry.name.as_slice()].concat();
                    self.pending.extend(self.here.join(&name));
                }
                Kind::Link | Kind::Other => {}
            }
        }
        Ok(None)
    }

    /// To the next directory; one that is gone or closed to us has no size.
    fn descend(&mut self, storage: &dyn Storage) -> Result<bool> {
        let Some(path) = self.pending.pop() else {
            return Ok(false);
        };
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
