//! A storage in memory, for tests and the simulator.
//!
//! It keeps the contract of the traits as the disk does: an upload appears complete or not at all, and a
//! removed file stays readable while open. It is deterministic (no clock, no random names) and counts
//! open handles, so that a test can detect leaks. This file owns the handles, [`tree`] the names and
//! contents. It has no links, access checks or descriptors.

mod tree;

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::tree::{Node, Tree};
use super::{
    Answer, CommitState, Directory, Entry, Error, File, Metadata, Operation, Placement, Result,
    Storage, Umask, Upload, UploadFile, VirtualPath, Wait, existing,
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
        let path = parse(path);
        let mut tree = self.tree();
        tree.plant_directory(path.parent());
        tree.make_file(path, 0o644).state().bytes = bytes.to_vec();
        drop(tree);
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
        Some(file.state().bytes.clone())
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
                let file = tree.file(path)?;
                return ascii_size(&file.state().bytes, *limit).map(Answer::Size);
            }
            (Operation::Space { path, .. }, _) => {
                tree.metadata(path)?;
                return Ok(Answer::Size(self.space()));
            }
            (Operation::SetAttributes(path, new), _) => tree.set_attributes(path, *new)?,
            (Operation::MakeDirectory { path, umask }, _) => tree.make_directory(path, *umask)?,
            (Operation::RemoveDirectory(path), _) => tree.remove(path, true)?,
            (Operation::RemoveFile(path), _) => tree.remove(path, false)?,
            (Operation::Rename { from, to, replace }, _) => tree.rename(from, to, *replace)?,
        }
        Ok(Answer::Done)
    }

    fn open(&self, path: &VirtualPath, _: Wait) -> Result<(Box<dyn File>, Metadata)> {
        let node = self.tree().file(path)?;
        let metadata = node.metadata();
        let file = MemoryFile {
            node,
            _open: Arc::clone(&self.shared.open),
        };
        Ok((Box::new(file), metadata))
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        let mut tree = self.tree();
        let target = match placement {
            Placement::Unique => tree.reserve_free_name(path)?,
            _ => Arc::new(path.clone()),
        };
        let existing = tree.upload_target(&target, placement)?;
        if self.space() == 0 {
            return Err(Error::NoSpace);
        }
        let path = VirtualPath::clone(&target);
        let mode = umask.map_or(0o644, Umask::file_mode);
        let (node, offset, pending) = match placement {
            Placement::Append | Placement::AppendExisting | Placement::At(_) => {
                let node = existing.unwrap_or_else(|| tree.make_file(path.clone(), mode));
                let offset = match placement {
                    Placement::At(offset) => offset,
                    _ => node.size(),
                };
                (node, offset, None)
            }
            Placement::Replace | Placement::New | Placement::Over | Placement::Unique => {
                let mode = existing.map_or(mode, |file| file.state().mode);
                let pending = Pending {
                    target,
                    placement,
                    _counted: Arc::clone(&self.shared.pending),
                };
                (tree.new_file(mode), 0, Some(pending))
            }
        };
        let file = Box::new(MemoryUpload {
            shared: Arc::clone(&self.shared),
            node,
            pending,
            _open: Arc::clone(&self.shared.open),
        });
        Ok(Upload {
            file,
            offset,
            path,
            in_place: None,
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        Ok(Box::new(MemoryDirectory {
            entries: self.tree().entries(path)?,
            next: 0,
            _open: Arc::clone(&self.shared.open),
        }))
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.tree().entry(path)
    }
}

struct MemoryFile {
    node: Arc<Node>,
    _open: Arc<()>,
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, _: Wait) -> Result<usize> {
        let state = self.node.state();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        // Empty beyond the end, as with an offset over 4 GiB on a 32-bit system.
        let rest = state.bytes.get(start..).unwrap_or_default();
        let copied = buffer.iter_mut().zip(rest).map(|(to, from)| *to = *from);
        Ok(copied.count())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

struct MemoryUpload {
    shared: Arc<Shared>,
    node: Arc<Node>,
    /// `None` if it is written in place or committed.
    pending: Option<Pending>,
    _open: Arc<()>,
}

/// An upload before its commit.
struct Pending {
    /// Reserves the name of a unique upload.
    target: Arc<VirtualPath>,
    placement: Placement,
    _counted: Arc<()>,
}

impl UploadFile for MemoryUpload {
    fn write_at(&self, new: &[u8], offset: u64) -> Result<()> {
        let start = usize::try_from(offset).map_err(|_| Error::TooLarge)?;
        let end = start.checked_add(new.len()).ok_or(Error::TooLarge)?;
        let mut state = self.node.state();
        if state.bytes.len() < end {
            state.bytes.resize(end, 0);
        }
        if let Some(range) = state.bytes.get_mut(start..end) {
            range.copy_from_slice(new);
        }
        drop(state);
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata> {
        let links = self.shared.tree().links(&self.node);
        Ok(Metadata {
            links,
            ..self.node.metadata()
        })
    }

    fn commit_state(&self) -> Result<CommitState> {
        let Some(pending) = &self.pending else {
            return Ok(CommitState::InPlace);
        };
        let target = existing(self.shared.tree().metadata(&pending.target))?;
        Ok(CommitState::Uncommitted(target))
    }

    fn commit(&mut self) -> Result<()> {
        if let Some(pending) = &self.pending {
            let mut tree = self.shared.tree();
            tree.put_file(&pending.target, &self.node, pending.placement)?;
            drop(tree);
            self.pending = None;
        }
        Ok(())
    }

    fn forbid_replace(&mut self) -> Result<()> {
        let Some(pending) = &mut self.pending else {
            return Ok(());
        };
        let exists = self.shared.tree().metadata(&pending.target).is_ok();
        if exists || pending.placement == Placement::Over {
            return Err(Error::Exists);
        }
        if pending.placement == Placement::Replace {
            pending.placement = Placement::New;
        }
        Ok(())
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        if self.pending.is_some() {
            let size = usize::try_from(size).map_err(|_| Error::TooLarge)?;
            self.node.state().bytes.truncate(size);
        }
        self.commit()
    }
}

struct MemoryDirectory {
    /// Sorted by name, as the tree is.
    entries: Vec<Entry>,
    /// The index of the next one.
    next: usize,
    _open: Arc<()>,
}

impl Directory for MemoryDirectory {
    fn next_name(&mut self, name: &mut Vec<u8>) -> Result<bool> {
        let next = self.entries.get(self.next);
        if let Some(entry) = next {
            name.clone_from(&entry.name);
            self.next += 1;
        }
        Ok(next.is_some())
    }

    fn examine(&mut self, entry: &mut Entry) -> bool {
        let found = self
            .entries
            .binary_search_by(|one| one.name.cmp(&entry.name));
        let found = found.ok().and_then(|index| self.entries.get(index));
        if let Some(found) = found {
            entry.clone_from(found);
        }
        found.is_some()
    }
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
