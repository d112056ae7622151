//! A storage in memory, for tests and the simulator.
//!
//! It keeps the contract of the traits as the disk does: an upload appears complete or not at all, and a
//! removed file stays readable while open. It is deterministic (no clock, no random names) and counts
//! open handles, so that a test can detect leaks. This file owns the handles, [`tree`] the names and
//! contents. It has no links, access checks or descriptors.

mod tree;

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::tree::{Contents, Tree};
use super::{
    Answer, CommitState, Directory, Entry, Error, File, Metadata, Operation, Placement, Result,
    Storage, Umask, Upload, VirtualPath, Wait,
};

/// The free space, a constant whatever is stored.
const SPACE: u64 = 1 << 30;

/// A tree in memory; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Shared>,
    free_space_floor: u64,
}

#[derive(Debug, Default)]
struct Shared {
    tree: Mutex<Tree>,
    /// Each open file and directory holds a clone, which counts them.
    open: Arc<()>,
    /// Each upload that is neither committed nor dropped holds a clone.
    pending: Arc<()>,
}

impl Memory {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and the directories above it.
    ///
    /// # Panics
    /// If `path` is invalid.
    #[must_use]
    pub fn with_file(self, path: &str, bytes: &[u8]) -> Self {
        self.tree().plant_file(parse(path), bytes.to_vec());
        self
    }

    /// Adds a directory and those above it.
    ///
    /// # Panics
    /// If `path` is invalid.
    #[must_use]
    pub fn with_directory(self, path: &str) -> Self {
        self.tree().plant_directory(parse(path));
        self
    }

    /// Sets the free space floor. The free space never changes here, so an upload is refused at its start
    /// or not at all.
    #[must_use]
    pub fn with_free_space_floor(self, floor: u64) -> Self {
        Self {
            free_space_floor: floor,
            ..self
        }
    }

    /// The contents of a file, or `None`.
    ///
    /// # Panics
    /// If `path` is invalid.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let file = self.tree().file(&parse(path)).ok()?;
        Some(file.bytes().clone())
    }

    /// The paths of all files and directories except the root, sorted.
    pub fn names(&self) -> Vec<String> {
        self.tree().paths().map(VirtualPath::to_string).collect()
    }

    /// The number of open files and directories.
    pub fn open_handles(&self) -> usize {
        Arc::strong_count(&self.shared.open) - 1
    }

    /// The number of uploads that are neither committed nor dropped.
    pub fn pending_uploads(&self) -> usize {
        Arc::strong_count(&self.shared.pending) - 1
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.shared.tree()
    }

    const fn space(&self) -> u64 {
        SPACE.saturating_sub(self.free_space_floor)
    }

    fn refuse_full(&self) -> Result<()> {
        if self.space() == 0 {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    fn handle(&self, contents: Arc<Contents>, state: HandleState) -> Box<dyn File> {
        Box::new(MemoryFile {
            contents,
            state,
            _open: Arc::clone(&self.shared.open),
            shared: Arc::clone(&self.shared),
        })
    }

    fn pending(&self, target: &VirtualPath, placement: Placement) -> HandleState {
        HandleState::Pending {
            target: target.clone(),
            placement,
            _pending: Arc::clone(&self.shared.pending),
        }
    }
}

impl Shared {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        // No call panics halfway through a change of the tree.
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Memory {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        let mut tree = self.tree();
        match (operation, wait) {
            (Operation::Metadata(path), _) => return tree.metadata(path).map(Answer::Metadata),
            (Operation::EnterDirectory(path), _) => tree.check_directory(path)?,
            (_, Wait::Never) => return Err(Error::WouldWait),
            (Operation::AsciiSize { path, limit }, _) => {
                return ascii_size(&tree.file(path)?.bytes(), *limit).map(Answer::Size);
            }
            (Operation::Space { path, .. }, _) => {
                tree.metadata(path)?;
                return Ok(Answer::Size(self.space()));
            }
            (Operation::SetAttributes(path, new), _) => tree.set_attributes(path, *new)?,
            (Operation::MakeDirectory { path, umask }, _) => tree.make_directory(path, *umask)?,
            (Operation::RemoveDirectory(path), _) => tree.remove_directory(path)?,
            (Operation::RemoveFile(path), _) => tree.remove_file(path)?,
            (Operation::Rename { from, to, replace }, _) => tree.rename(from, to, *replace)?,
        }
        Ok(Answer::Done)
    }

    fn open(&self, path: &VirtualPath, _: Wait) -> Result<(Box<dyn File>, Metadata)> {
        let tree = self.tree();
        let (contents, metadata) = (tree.file(path)?, tree.metadata(path)?);
        Ok((self.handle(contents, HandleState::Settled), metadata))
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        let mut tree = self.tree();
        let mut path = path.clone();
        let (contents, offset, state) = match placement {
            Placement::Replace | Placement::New | Placement::Over => {
                let existing = tree.file_to_replace(&path, placement)?;
                self.refuse_full()?;
                let mode = existing.map_or_else(|| file_mode(umask), |file| file.mode());
                (tree.new_contents(mode), 0, self.pending(&path, placement))
            }
            Placement::Unique => {
                path = tree.free_name(&path)?;
                self.refuse_full()?;
                tree.reserve(&path);
                let state = self.pending(&path, placement);
                (tree.new_contents(file_mode(umask)), 0, state)
            }
            Placement::Append | Placement::AppendExisting => {
                let existing = tree.file_to_write(&path)?;
                if existing.is_none() && placement == Placement::AppendExisting {
                    return Err(Error::NotFound);
                }
                self.refuse_full()?;
                let contents =
                    existing.unwrap_or_else(|| tree.make_file(path.clone(), file_mode(umask)));
                let size = contents.size();
                (contents, size, HandleState::Settled)
            }
            Placement::At(offset) => {
                let contents = tree.file_to_write(&path)?.ok_or(Error::NotFound)?;
                if offset > contents.size() {
                    return Err(Error::BeyondEnd);
                }
                self.refuse_full()?;
                (contents, offset, HandleState::Settled)
            }
        };
        let file = self.handle(contents, state);
        Ok(Upload {
            file,
            offset,
            path,
            in_place: None,
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        let tree = self.tree();
        tree.check_directory(path)?;
        Ok(Box::new(MemoryDirectory {
            entries: tree.entries(path).into_iter(),
            _open: Arc::clone(&self.shared.open),
        }))
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.tree().entry(path)
    }
}

struct MemoryFile {
    shared: Arc<Shared>,
    contents: Arc<Contents>,
    state: HandleState,
    _open: Arc<()>,
}

enum HandleState {
    /// Read-only, written in place, or committed.
    Settled,
    /// An upload before its commit.
    Pending {
        target: VirtualPath,
        placement: Placement,
        _pending: Arc<()>,
    },
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, _: Wait) -> Result<usize> {
        let bytes = self.contents.bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        // Empty beyond the end, as with an offset over 4 GiB on a 32-bit system.
        let rest = bytes.get(start..).unwrap_or_default();
        Ok(buffer
            .iter_mut()
            .zip(rest)
            .map(|(to, from)| *to = *from)
            .count())
    }

    fn write_at(&self, new: &[u8], offset: u64) -> Result<()> {
        let start = usize::try_from(offset).map_err(|_| Error::TooLarge)?;
        let end = start.checked_add(new.len()).ok_or(Error::TooLarge)?;
        let mut bytes = self.contents.bytes();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(range) = bytes.get_mut(start..end) {
            range.copy_from_slice(new);
        }
        drop(bytes);
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata> {
        let links = self.shared.tree().links(&self.contents);
        Ok(Metadata {
            links,
            ..self.contents.metadata()
        })
    }

    fn commit_state(&self) -> Result<CommitState> {
        let HandleState::Pending { target, .. } = &self.state else {
            return Ok(CommitState::InPlace);
        };
        match self.shared.tree().metadata(target) {
            Ok(metadata) => Ok(CommitState::Uncommitted(Some(metadata))),
            Err(Error::NotFound) => Ok(CommitState::Uncommitted(None)),
            Err(error) => Err(error),
        }
    }

    fn commit(&mut self) -> Result<()> {
        if let HandleState::Pending {
            target, placement, ..
        } = &self.state
        {
            let mut tree = self.shared.tree();
            tree.put_file(target, &self.contents, *placement)?;
            if *placement == Placement::Unique {
                tree.release(target);
            }
            drop(tree);
            self.state = HandleState::Settled;
        }
        Ok(())
    }

    fn forbid_replace(&mut self) -> Result<()> {
        let HandleState::Pending {
            target, placement, ..
        } = &mut self.state
        else {
            return Ok(());
        };
        if *placement == Placement::Over || self.shared.tree().metadata(target).is_ok() {
            return Err(Error::Exists);
        }
        if *placement == Placement::Replace {
            *placement = Placement::New;
        }
        Ok(())
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        if let HandleState::Pending { .. } = &self.state {
            let size = usize::try_from(size).map_err(|_| Error::TooLarge)?;
            self.contents.bytes().truncate(size);
        }
        self.commit()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if let HandleState::Pending {
            target,
            placement: Placement::Unique,
            ..
        } = &self.state
        {
            self.shared.tree().release(target);
        }
    }
}

struct MemoryDirectory {
    entries: std::vec::IntoIter<Entry>,
    _open: Arc<()>,
}

impl Directory for MemoryDirectory {
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        Ok(self.entries.next())
    }
}

fn file_mode(umask: Option<Umask>) -> u32 {
    umask.map_or(0o644, Umask::file_mode)
}

fn ascii_size(bytes: &[u8], limit: u64) -> Result<u64> {
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge);
    }
    let previous = std::iter::once(&0).chain(bytes);
    let bare = previous
        .zip(bytes)
        .filter(|&(&previous, &byte)| byte == b'\n' && previous != b'\r');
    Ok((bytes.len() + bare.count()) as u64)
}

fn parse(path: &str) -> VirtualPath {
    let Ok(path) = VirtualPath::root().join(path.as_bytes()) else {
        panic!("{path:?} is not a valid path");
    };
    path
}
