//! The names and contents of a [`Memory`](super::Memory).
//!
//! One ordered map of full paths: every operation is a look-up or a scan, as trees in tests are small. It
//! knows no handles; they share the contents, which outlive their name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::protocol::permissions::Permissions;
use crate::storage::{
    Attributes, Entry, Error, Kind, Metadata, Placement, Result, Umask, VirtualPath,
};

/// The modification time of everything new: 2001-09-09 01:46:40 UTC.
const MODIFIED: i64 = 1_000_000_000;

/// The largest number that is appended to make a name unique.
const LAST_NUMBER: u32 = 9999;

/// Nodes by path; the root always exists.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<VirtualPath, Node>,
    /// The names of pending unique uploads.
    reserved: BTreeSet<VirtualPath>,
    next_id: u64,
}

#[derive(Clone, Debug)]
enum Node {
    Directory(u64, NodeAttributes),
    File(Arc<Contents>),
}

#[derive(Clone, Copy, Debug)]
struct NodeAttributes {
    modified: (i64, u32),
    mode: u32,
}

impl NodeAttributes {
    const fn new(mode: u32) -> Self {
        Self {
            modified: (MODIFIED, 0),
            mode,
        }
    }

    fn set(&mut self, new: Attributes) {
        self.modified = new.modified.unwrap_or(self.modified);
        self.mode = new.mode.unwrap_or(self.mode);
    }
}

/// A file, shared by the tree and open handles.
#[derive(Debug)]
pub(super) struct Contents {
    id: u64,
    bytes: Mutex<Vec<u8>>,
    attributes: Mutex<NodeAttributes>,
}

impl Contents {
    pub(super) fn mode(&self) -> u32 {
        self.attributes().mode
    }

    /// The metadata of a file with one link.
    pub(super) fn metadata(&self) -> Metadata {
        metadata(Kind::File, *self.attributes(), self.size(), self.id)
    }

    fn attributes(&self) -> MutexGuard<'_, NodeAttributes> {
        let attributes = self.attributes.lock();
        attributes.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes().len() as u64
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::from([(VirtualPath::root(), directory(0, None))]),
            reserved: BTreeSet::new(),
            next_id: 1,
        }
    }
}

impl Tree {
    /// All paths except the root.
    pub(super) fn paths(&self) -> impl Iterator<Item = &VirtualPath> {
        self.nodes.keys().filter(|path| !path.is_root())
    }

    pub(super) fn entries(&self, directory: &VirtualPath) -> Vec<Entry> {
        let children = self.paths().filter(|path| path.parent() == *directory);
        children.filter_map(|path| self.entry(path).ok()).collect()
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
        Ok(match self.node(path)? {
            Node::Directory(id, attributes) => metadata(Kind::Directory, *attributes, 0, *id),
            Node::File(file) => file.metadata(),
        })
    }

    /// The number of names of a file.
    pub(super) fn links(&self, contents: &Arc<Contents>) -> u64 {
        let is_it = |node: &&Node| matches!(node, Node::File(file) if Arc::ptr_eq(file, contents));
        self.nodes.values().filter(is_it).count() as u64
    }

    pub(super) fn check_directory(&self, path: &VirtualPath) -> Result<()> {
        match self.node(path)? {
            Node::Directory(..) => Ok(()),
            Node::File(_) => Err(Error::NotDirectory),
        }
    }

    pub(super) fn file(&self, path: &VirtualPath) -> Result<Arc<Contents>> {
        match self.node(path)? {
            Node::Directory(..) => Err(Error::IsDirectory),
            Node::File(file) => Ok(Arc::clone(file)),
        }
    }

    /// The file at `path`; `None` if it can be created.
    pub(super) fn file_to_write(&self, path: &VirtualPath) -> Result<Option<Arc<Contents>>> {
        if !path.is_root() {
            self.check_directory(&path.parent())?;
        }
        match self.file(path) {
            Err(Error::NotFound) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The file that an upload replaces; an error if the placement forbids it.
    pub(super) fn file_to_replace(
        &self,
        path: &VirtualPath,
        placement: Placement,
    ) -> Result<Option<Arc<Contents>>> {
        match (self.file_to_write(path)?, placement) {
            (Some(_), Placement::New) => Err(Error::Exists),
            (None, Placement::Over) => Err(Error::NotFound),
            (existing, _) => Ok(existing),
        }
    }

    /// The path itself, or the first with a number appended, that neither exists nor is reserved.
    pub(super) fn free_name(&self, path: &VirtualPath) -> Result<VirtualPath> {
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
        let is_free =
            |path: &VirtualPath| !self.nodes.contains_key(path) && !self.reserved.contains(path);
        names.find(is_free).ok_or(Error::Exists)
    }

    /// Excludes a path from [`free_name`](Self::free_name).
    pub(super) fn reserve(&mut self, path: &VirtualPath) {
        self.reserved.insert(path.clone());
    }

    pub(super) fn release(&mut self, path: &VirtualPath) {
        self.reserved.remove(path);
    }

    /// An empty file without a name.
    pub(super) fn new_contents(&mut self, mode: u32) -> Arc<Contents> {
        Arc::new(Contents {
            id: self.new_id(),
            bytes: Mutex::default(),
            attributes: Mutex::new(NodeAttributes::new(mode)),
        })
    }

    /// Creates an empty file. The caller has checked that the path is free and the parent exists.
    pub(super) fn make_file(&mut self, path: VirtualPath, mode: u32) -> Arc<Contents> {
        let contents = self.new_contents(mode);
        self.nodes.insert(path, Node::File(Arc::clone(&contents)));
        contents
    }

    /// Gives a file its name, and replaces the existing file if the placement allows it.
    pub(super) fn put_file(
        &mut self,
        path: &VirtualPath,
        contents: &Arc<Contents>,
        placement: Placement,
    ) -> Result<()> {
        if placement == Placement::Unique && self.nodes.contains_key(path) {
            return Err(Error::Exists);
        }
        self.file_to_replace(path, placement)?;
        let node = Node::File(Arc::clone(contents));
        self.nodes.insert(path.clone(), node);
        Ok(())
    }

    pub(super) fn set_attributes(&mut self, path: &VirtualPath, new: Attributes) -> Result<()> {
        if path.is_root() && new.mode.is_some() {
            return Err(Error::Forbidden);
        }
        let missing = self.why_missing(path);
        match self.nodes.get_mut(path).ok_or(missing)? {
            Node::Directory(_, attributes) => attributes.set(new),
            Node::File(file) => file.attributes().set(new),
        }
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
        let id = self.new_id();
        self.nodes.insert(path.clone(), directory(id, umask));
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, path: &VirtualPath) -> Result<()> {
        if path.is_root() {
            return Err(Error::Forbidden);
        }
        self.check_directory(path)?;
        if self.paths().any(|child| child.parent() == *path) {
            return Err(Error::NotEmpty);
        }
        self.nodes.remove(path);
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &VirtualPath) -> Result<()> {
        if path.is_root() {
            return Err(Error::Forbidden);
        }
        self.file(path)?;
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
        let moving = self.node(from)?.clone();
        self.check_directory(&to.parent())?;
        match (&moving, self.nodes.get(to)) {
            (_, Some(Node::File(_))) if !replace => return Err(Error::Forbidden),
            (_, None) | (Node::File(_), Some(Node::File(_))) => {}
            (_, Some(_)) => return Err(Error::Exists),
        }
        if below(to, from).is_some() {
            return Err(Error::BadName);
        }
        let mut moved = vec![(from.clone(), to.clone(), moving)];
        for (path, node) in &self.nodes {
            if let Some(rest) = below(path, from) {
                let new = to.join(rest).map_err(|_| Error::BadName)?;
                moved.push((path.clone(), new, node.clone()));
            }
        }
        for (old, new, node) in moved {
            self.nodes.remove(&old);
            self.nodes.insert(new, node);
        }
        Ok(())
    }

    /// Creates a file and the directories above it; replaces what is in the way.
    pub(super) fn plant_file(&mut self, path: VirtualPath, bytes: Vec<u8>) {
        self.plant_directory(path.parent());
        *self.make_file(path, 0o644).bytes() = bytes;
    }

    /// Creates a directory and those above it; replaces files that are in the way.
    pub(super) fn plant_directory(&mut self, mut path: VirtualPath) {
        while self.check_directory(&path).is_err() {
            let parent = path.parent();
            let id = self.new_id();
            self.nodes.insert(path, directory(id, None));
            path = parent;
        }
    }

    fn node(&self, path: &VirtualPath) -> Result<&Node> {
        self.nodes.get(path).ok_or_else(|| self.why_missing(path))
    }

    /// `NotDirectory` for a path below a file, otherwise `NotFound`.
    fn why_missing(&self, path: &VirtualPath) -> Error {
        let mut parent = path.parent();
        loop {
            match self.nodes.get(&parent) {
                Some(Node::File(_)) => return Error::NotDirectory,
                Some(Node::Directory(..)) => return Error::NotFound,
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

const fn metadata(kind: Kind, attributes: NodeAttributes, size: u64, id: u64) -> Metadata {
    let (modified, modified_nanoseconds) = attributes.modified;
    Metadata {
        kind,
        size,
        modified,
        modified_nanoseconds,
        created: None,
        mode: attributes.mode,
        links: 1,
        owner: 0,
        group: 0,
        unique: (0, id),
    }
}

fn directory(id: u64, umask: Option<Umask>) -> Node {
    let mode = umask.map_or(0o755, Umask::directory_mode);
    Node::Directory(id, NodeAttributes::new(mode))
}

/// The part of `path` strictly below `above`.
fn below<'p>(path: &'p VirtualPath, above: &VirtualPath) -> Option<&'p [u8]> {
    let rest = path.from_root().strip_prefix(above.from_root())?;
    rest.strip_prefix(b"/")
}
