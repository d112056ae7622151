//! Iterates over the entries of a listing in the order of output.
//!
//! Only entries of selected names are examined, in the order of output, and none for NLST. With `-R`
//! subdirectories follow, each after its header, as in `ls`: iteratively, and bounded in depth and number;
//! omitted ones are counted. Nothing is formatted here.

use std::sync::Arc;

use super::walk_source::{Step, WalkSource};
use crate::limits::{DIRECTORIES_BYTES, DIRECTORIES_PENDING, DIRECTORY_DEPTH, SORTED_BYTES};
use crate::storage::{Entry, Error, Kind, Result, Storage, VirtualPath};

/// The next item.
pub(super) enum Next<'w> {
    Entry(&'w Entry),
    /// The following entries are in this directory.
    Directory(VirtualPath),
    /// No item yet: a name was gathered, or is not selected, or its entry is gone.
    Nothing,
    End,
}

/// Iterates over a directory, and with `-R` over its subdirectories.
pub(super) struct Walk {
    source: WalkSource,
    /// The last entry.
    entry: Entry,
    /// Whether only the names are needed, and no metadata.
    only_names: bool,
    /// `Some` with `-R`.
    subdirectories: Option<Subdirectories>,
}

/// The directories to list later, depth first.
struct Subdirectories {
    storage: Arc<dyn Storage>,
    current: VirtualPath,
    /// A stack of directories and their depths.
    pending: Vec<(VirtualPath, usize)>,
    /// The directories found in `current`, in its order.
    found: Vec<VirtualPath>,
    /// The memory of `pending` and `found`.
    bytes: usize,
    /// The depth of `current`.
    depth: usize,
    /// The number of directories omitted because of a bound.
    omitted: usize,
}

impl Walk {
    fn new(source: WalkSource) -> Self {
        Self {
            source,
            entry: Entry::default(),
            only_names: false,
            subdirectories: None,
        }
    }

    /// Opens one directory; `room` is as in [`WalkSource::open`].
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath, room: usize) -> Result<Self> {
        Ok(Self::new(WalkSource::open(storage, path, room)?))
    }

    /// Opens a directory and its subdirectories.
    pub(super) fn open_recursive(storage: &Arc<dyn Storage>, path: &VirtualPath) -> Result<Self> {
        let mut walk = Self::new(WalkSource::open(storage.as_ref(), path, SORTED_BYTES)?);
        walk.subdirectories = Some(Subdirectories {
            storage: Arc::clone(storage),
            current: path.clone(),
            pending: Vec::new(),
            found: Vec::new(),
            bytes: 0,
            depth: 0,
            omitted: 0,
        });
        Ok(walk)
    }

    /// Returns a single, known entry.
    pub(super) fn of(entry: Entry) -> Self {
        Self {
            entry,
            ..Self::new(WalkSource::Single)
        }
    }

    /// Leaves the metadata of entries out.
    pub(super) fn only_names(self) -> Self {
        let only_names = self.subdirectories.is_none();
        Self { only_names, ..self }
    }

    /// Determines for each entry what the user may do with it.
    pub(super) fn include_permissions(mut self) -> Self {
        if let Some(directory) = self.source.directory() {
            directory.include_permissions();
        }
        self
    }

    /// Whether nothing was omitted so far.
    pub(super) const fn is_complete(&self) -> bool {
        match &self.subdirectories {
            Some(subdirectories) => subdirectories.omitted == 0,
            None => true,
        }
    }

    /// Reads at most one entry, and only a name if that is not selected. Returns `End` again after the end.
    /// Waits for the disk.
    pub(super) fn next(&mut self, selects: impl FnOnce(&[u8]) -> bool) -> Result<Next<'_>> {
        match self.source.next(&mut self.entry.name)? {
            Step::Known => return Ok(Next::Entry(&self.entry)),
            Step::Gathered => return Ok(Next::Nothing),
            Step::End => return Ok(self.descend().map_or(Next::End, Next::Directory)),
            Step::Name => {}
        }
        let is_selected = selects(&self.entry.name);
        if self.only_names {
            return Ok(if is_selected {
                Next::Entry(&self.entry)
            } else {
                Next::Nothing
            });
        }
        if !is_selected && self.subdirectories.is_none() || !self.source.examine(&mut self.entry) {
            return Ok(Next::Nothing);
        }
        if let Some(subdirectories) = &mut self.subdirectories {
            subdirectories.note(&self.entry);
        }
        Ok(if is_selected {
            Next::Entry(&self.entry)
        } else {
            Next::Nothing
        })
    }

    fn descend(&mut self) -> Option<VirtualPath> {
        let (path, source) = self.subdirectories.as_mut()?.descend()?;
        self.source = source;
        Some(path)
    }
}

impl Subdirectories {
    /// Notes a directory to list later. Symbolic links are not followed, so there are no cycles.
    fn note(&mut self, entry: &Entry) {
        if entry.metadata.kind != Kind::Directory {
            return;
        }
        if self.depth < DIRECTORY_DEPTH
            && self.pending.len() + self.found.len() < DIRECTORIES_PENDING
            && let Ok(path) = self.current.join(&[b"./", entry.name.as_slice()].concat())
            && self.bytes + path.cost() <= DIRECTORIES_BYTES
        {
            self.bytes += path.cost();
            self.found.push(path);
        } else {
            self.omitted += 1;
        }
    }

    /// Opens the next directory; one that cannot be listed is shown as empty.
    fn descend(&mut self) -> Option<(VirtualPath, WalkSource)> {
        let depth = self.depth + 1;
        let found = self.found.drain(..).rev();
        self.pending.extend(found.map(|path| (path, depth)));
        let (path, depth) = self.pending.pop()?;
        self.bytes = self.bytes.saturating_sub(path.cost());
        self.depth = depth;
        self.current = path.clone();
        let source = WalkSource::open(self.storage.as_ref(), &path, SORTED_BYTES);
        Some((path, source.unwrap_or_else(|_: Error| WalkSource::Done)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SORTED_ENTRIES;
    use crate::storage::{Directory, Memory};
    use crate::transfer::names::Names;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    fn recursive(memory: Memory) -> Walk {
        let storage: Arc<dyn Storage> = Arc::new(memory);
        Walk::open_recursive(&storage, &VirtualPath::root()).unwrap()
    }

    fn open(memory: &Memory, sorted: bool) -> Walk {
        let room = if sorted { SORTED_BYTES } else { 0 };
        Walk::open(memory, &VirtualPath::root(), room).unwrap()
    }

    fn walk(walk: &mut Walk) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match walk.next(|_| true).unwrap() {
                Next::Entry(entry) => seen.push(String::from_utf8(entry.name.clone()).unwrap()),
                Next::Directory(path) => seen.push(format!("{path}:")),
                Next::Nothing => {}
                Next::End => return seen,
            }
        }
    }

    /// The number of subdirectories that a walk shows.
    fn headers(recursive: &mut Walk) -> usize {
        let seen = walk(recursive);
        seen.iter().filter(|line| line.ends_with(':')).count()
    }

    #[test]
    fn entries_are_sorted_and_subdirectories_follow() {
        let mut memory = Memory::new();
        for name in ["/b/z", "/b/y/x", "/a/1", "/c"] {
            memory = memory.with_file(name, b"");
        }
        assert_eq!(walk(&mut open(&memory, true)), ["a", "b", "c"]);
        let expected = ["a", "b", "c", "/a:", "1", "/b:", "y", "z", "/b/y:", "x"];
        assert_eq!(walk(&mut recursive(memory)), expected);
    }

    /// A directory that counts its examinations.
    struct Counted(std::vec::IntoIter<String>, Arc<AtomicUsize>);

    impl Directory for Counted {
        fn next_name(&mut self, name: &mut Vec<u8>) -> Result<bool> {
            let next = self.0.next();
            let is_there = next.is_some();
            *name = next.unwrap_or_default().into_bytes();
            Ok(is_there)
        }

        fn examine(&mut self, _: &mut Entry) -> bool {
            self.1.fetch_add(1, Relaxed);
            true
        }
    }

    /// A walk to be sorted through these names, and the number of its examinations.
    fn counted(names: Vec<String>) -> (Walk, Arc<AtomicUsize>) {
        let examined = Arc::new(AtomicUsize::new(0));
        let directory = Box::new(Counted(names.into_iter(), Arc::clone(&examined)));
        let source = WalkSource::Gathering(directory, Names::within(SORTED_BYTES));
        (Walk::new(source), examined)
    }

    #[test]
    fn large_directory_is_complete() {
        for count in [SORTED_ENTRIES, SORTED_ENTRIES + 1] {
            let names = (0..count).rev().map(|number| format!("{number:05}"));
            let (mut walking, _) = counted(names.clone().collect());
            let seen = walk(&mut walking);
            let mut expected: Vec<_> = names.collect();
            expected.sort();
            assert_eq!(seen == expected, count <= SORTED_ENTRIES, "{count}");
            let mut seen = seen;
            seen.sort();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn only_entries_that_are_shown_are_examined() {
        for (only_names, pattern, expected) in [
            (false, &b""[..], (3, 3)),
            (false, b"b", (1, 1)),
            (true, b"", (3, 0)),
            (true, b"b", (1, 0)),
        ] {
            let (mut walk, examined) = counted(["a", "b", "c"].map(str::to_owned).into());
            if only_names {
                walk = walk.only_names();
            }
            let mut shown = 0;
            loop {
                match walk.next(|name| name.ends_with(pattern)).unwrap() {
                    Next::Entry(_) => shown += 1,
                    Next::End => break,
                    Next::Nothing | Next::Directory(_) => {}
                }
            }
            assert_eq!((shown, examined.load(Relaxed)), expected);
        }
    }

    #[test]
    fn unsorted_walk_is_complete() {
        let memory = Memory::new().with_file("/b", b"").with_file("/a", b"");
        let mut seen = walk(&mut open(&memory, false));
        seen.sort();
        assert_eq!(seen, ["a", "b"]);
    }

    #[test]
    fn pending_directories_are_bounded_in_bytes() {
        let name = "x".repeat(3000);
        let memory = (0..DIRECTORIES_PENDING / 2).fold(Memory::new(), |memory, number| {
            memory.with_directory(&format!("/{number:05}{name}"))
        });
        let headers = headers(&mut recursive(memory));
        let bounds = DIRECTORIES_BYTES / 10_000..=DIRECTORIES_BYTES / 3000;
        assert!(bounds.contains(&headers), "{headers}");
    }

    #[test]
    fn depth_and_number_are_bounded_and_omissions_are_reported() {
        let deep = |depth| Memory::new().with_file(&format!("/{}f", "d/".repeat(depth)), b"");
        let wide = |number| {
            (0..number).fold(Memory::new(), |memory, number| {
                memory.with_directory(&format!("/{number}"))
            })
        };
        for (memory, shown, is_complete) in [
            (deep(DIRECTORY_DEPTH), DIRECTORY_DEPTH, true),
            (deep(DIRECTORY_DEPTH + 1), DIRECTORY_DEPTH, false),
            (wide(DIRECTORIES_PENDING), DIRECTORIES_PENDING, true),
            (wide(DIRECTORIES_PENDING + 1), DIRECTORIES_PENDING, false),
        ] {
            let mut walk = recursive(memory);
            assert_eq!(headers(&mut walk), shown);
            assert_eq!(walk.is_complete(), is_complete, "{shown}");
        }
    }
}
