//! The names and contents of a [`Memory`](super::Memory).
//!
//! One ordered map of full paths: every operation is a look-up or a scan, as trees in tests are small. It
//! knows no handles; they share the nodes, which outlive their name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::protocol::permissions::Permissions;
use crate::storage::{
    Attributes, Entry, Error, Kind, Metadata, Placement, Result, Umask, VirtualPath, existing,
};

/// The modification time of everything new: 2001-09-09 01:46:40 UTC.
const MODIFIED: i64 = 1_000_000_000;

/// The largest number that is appended to make a name unique.
const LAST_NUMBER: u32 = 9999;

/// Nodes by path; the root always exists.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<VirtualPath, Arc<Node>>,
    /// The names of pending unique uploads, which own them.
    reserved: Vec<Weak<VirtualPath>>,
    next_id: u64,
}

/// A file or a directory.
#[derive(Debug)]
pub(super) struct Node {
    id: u64,
    kind: Kind,
    state: Mutex<NodeState>,
}

#[derive(Debug)]
pub(super) struct NodeState {
    /// Empty for a directory.
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
    modified: (i64, u32),
}

impl Node {
    fn new(id: u64, kind: Kind, mode: u32) -> Arc<Self> {
        let state = Mutex::new(NodeState {
            bytes: Vec::new(),
            mode,
            modified: (MODIFIED, 0),
        });
        Arc::new(Self { id, kind, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, NodeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self) -> u64 {
        self.state().bytes.len() as u64
    }

    /// The metadata of a node with one name.
    pub(super) fn metadata(&self) -> Metadata {
        let state = self.state();
        let (modified, modified_nanoseconds) = state.modified;
        Metadata {
            kind: self.kind,
            size: state.bytes.len() as u64,
            modified,
            modified_nanoseconds,
            created: None,
            mode: state.mode,
            links: 1,
            owner: 0,
            group: 0,
            unique: (0, self.id),
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node::new(0, Kind::Directory, directory_mode(None));
        Self {
            nodes: BTreeMap::from([(VirtualPath::root(), root)]),
            reserved: Vec::new(),
            next_id: 1,
        }
    }
}

impl Tree {
    /// All paths except the root.
    pub(super) fn paths(&self) -> impl Iterator<Item = &VirtualPath> {
        self.nodes.keys().filter(|path| !path.is_root())
    }

    fn children(&self, directory: &VirtualPath) -> impl Iterator<Item = &VirtualPath> {
        self.paths().filter(|path| path.parent() == *directory)
    }

    pub(super) fn entries(&self, directory: &VirtualPath) -> Result<Vec<Entry>> {
        self.check_directory(directory)?;
        let children = self.children(directory);
        children.map(|path| self.entry(path)).collect()
    }

    pub(super) fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        Ok(Entry {
            name: path.name().to_vec(),
            metadata: self.metadata(path)?,
            target: None,
            followed: None,
            allowed: Permissions::UNLIMITED,
        })
    }

    pub(super) fn metadata(&self, path: &VirtualPath) -> Result<Metadata> {
        Ok(self.node(path)?.metadata())
    }

    /// The number of names of a file.
    pub(super) fn links(&self, file: &Arc<Node>) -> u64 {
        let names = self.nodes.values().filter(|node| Arc::ptr_eq(node, file));
        names.count() as u64
    }

    pub(super) fn check_directory(&self, path: &VirtualPath) -> Result<()> {
        match self.node(path)?.kind {
            Kind::Directory => Ok(()),
            _ => Err(Error::NotDirectory),
        }
    }

    pub(super) fn file(&self, path: &VirtualPath) -> Result<Arc<Node>> {
        match self.node(path)? {
            node if node.kind == Kind::Directory => Err(Error::IsDirectory),
            file => Ok(Arc::clone(file)),
        }
    }

    /// The file that an upload finds at its path; an error if the placement forbids it.
    pub(super) fn upload_target(
        &self,
        path: &VirtualPath,
        placement: Placement,
    ) -> Result<Option<Arc<Node>>> {
        if !path.is_root() {
            self.check_directory(&path.parent())?;
        }
        let existing = existing(self.file(path))?;
        match (&existing, placement) {
            (Some(_), Placement::New) => Err(Error::Exists),
            (None, Placement::Over | Placement::AppendExisting | Placement::At(_)) => {
                Err(Error::NotFound)
            }
            (Some(file), Placement::At(offset)) if offset > file.size() => Err(Error::BeyondEnd),
            _ => Ok(existing),
        }
    }

    /// Reserves the path itself, or the first with a number appended, that neither exists nor is
    /// reserved, until the result is dropped.
    pub(super) fn reserve_free_name(&mut self, path: &VirtualPath) -> Result<Arc<VirtualPath>> {
        if path.is_root() {
            return Err(Error::IsDirectory);
        }
        let parent = path.parent();
        self.check_directory(&parent)?;
        let numbered = (1..=LAST_NUMBER).map_while(|number| {
            let suffix = format!(".{number}");
            parent.join(&[path.name(), suffix.as_bytes()].concat()).ok()
        });
        let mut names = std::iter::once(path.clone()).chain(numbered);
        let reserved: Vec<_> = self.reserved.iter().filter_map(Weak::upgrade).collect();
        let is_free = |path: &VirtualPath| {
            !self.nodes.contains_key(path) && !reserved.iter().any(|name| **name == *path)
        };
        let name = Arc::new(names.find(is_free).ok_or(Error::Exists)?);
        self.reserved.retain(|name| name.strong_count() > 0);
        self.reserved.push(Arc::downgrade(&name));
        Ok(name)
    }

    /// An empty file without a name.
    pub(super) fn new_file(&mut self, mode: u32) -> Arc<Node> {
        Node::new(self.new_id(), Kind::File, mode)
    }

    /// Creates an empty file, or replaces what is there. The parent must exist.
    pub(super) fn make_file(&mut self, path: VirtualPath, mode: u32) -> Arc<Node> {
        let file = self.new_file(mode);
        self.nodes.insert(path, Arc::clone(&file));
        file
    }

    /// Gives a file its name, and replaces the existing file if the placement allows it.
    pub(super) fn put_file(
        &mut self,
        path: &VirtualPath,
        file: &Arc<Node>,
        placement: Placement,
    ) -> Result<()> {
        if placement == Placement::Unique && self.nodes.contains_key(path) {
            return Err(Error::Exists);
        }
        self.upload_target(path, placement)?;
        self.nodes.insert(path.clone(), Arc::clone(file));
        Ok(())
    }

    pub(super) fn set_attributes(&self, path: &VirtualPath, new: Attributes) -> Result<()> {
        if path.is_root() && new.mode.is_some() {
            return Err(Error::Forbidden);
        }
        let mut state = self.node(path)?.state();
        state.modified = new.modified.unwrap_or(state.modified);
        state.mode = new.mode.unwrap_or(state.mode);
        drop(state);
        Ok(())
    }

    pub(super) fn make_directory(
        &mut self,
        path: &VirtualPath,
        umask: Option<Umask>,
    ) -> Result<()> {
        if self.nodes.contains_key(path) {
            return Err(Error::Exists);
        }
        self.check_directory(&path.parent())?;
        self.insert_directory(path.clone(), umask);
        Ok(())
    }

    fn insert_directory(&mut self, path: VirtualPath, umask: Option<Umask>) {
        let node = Node::new(self.new_id(), Kind::Directory, directory_mode(umask));
        self.nodes.insert(path, node);
    }

    /// Removes a directory, or else a file.
    pub(super) fn remove(&mut self, path: &VirtualPath, is_directory: bool) -> Result<()> {
        if path.is_root() {
            return Err(Error::Forbidden);
        }
        if is_directory {
            self.check_directory(path)?;
            if self.children(path).next().is_some() {
                return Err(Error::NotEmpty);
            }
        } else {
            self.file(path)?;
        }
        self.nodes.remove(path);
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        from: &VirtualPath,
        to: &VirtualPath,
        replace: bool,
    ) -> Result<()> {
        if from.is_root() || to.is_root() {
            return Err(Error::Forbidden);
        }
        let moving = self.node(from)?.kind;
        self.check_directory(&to.parent())?;
        match (moving, self.nodes.get(to).map(|node| node.kind)) {
            (_, Some(Kind::File)) if !replace => return Err(Error::Forbidden),
            (_, None) | (Kind::File, Some(Kind::File)) => {}
            (_, Some(_)) => return Err(Error::Exists),
        }
        if below(to, from).is_some() {
            return Err(Error::BadName);
        }
        let mut moved = vec![(from.clone(), to.clone())];
        for path in self.nodes.keys() {
            if let Some(rest) = below(path, from) {
                let new = to.join(rest).map_err(|_| Error::BadName)?;
                moved.push((path.clone(), new));
            }
        }
        for (old, new) in moved {
            if let Some(node) = self.nodes.remove(&old) {
                self.nodes.insert(new, node);
            }
        }
        Ok(())
    }

    /// Creates a directory and those above it; replaces files that are in the way.
    pub(super) fn plant_directory(&mut self, mut path: VirtualPath) {
        while self.check_directory(&path).is_err() {
            let parent = path.parent();
            self.insert_directory(path, None);
            path = parent;
        }
    }

    fn node(&self, path: &VirtualPath) -> Result<&Arc<Node>> {
        self.nodes.get(path).ok_or_else(|| self.why_missing(path))
    }

    /// `NotDirectory` for a path below a file, otherwise `NotFound`.
    fn why_missing(&self, path: &VirtualPath) -> Error {
        let mut parent = path.parent();
        loop {
            match self.nodes.get(&parent) {
                Some(node) if node.kind == Kind::Directory => return Error::NotFound,
                Some(_) => return Error::NotDirectory,
                None => parent = parent.parent(),
            }
        }
    }

    const fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}

fn directory_mode(umask: Option<Umask>) -> u32 {
    umask.map_or(0o755, Umask::directory_mode)
}

/// The part of `path` strictly below `above`.
fn below<'p>(path: &'p VirtualPath, above: &VirtualPath) -> Option<&'p [u8]> {
    let rest = path.from_root().strip_prefix(above.from_root())?;
    rest.strip_prefix(b"/")
}
