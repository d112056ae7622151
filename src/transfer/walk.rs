//! Iterates over the entries of a listing in the order of output.
//!
//! With a permit, a directory of usual size is gathered and sorted by name. A larger one is streamed in
//! the order of the file system, which bounds memory and the delay of the first byte. With `-R`
//! subdirectories follow, each after its header, as in `ls`: iteratively, and bounded in depth and
//! number; omitted ones are counted. Nothing is formatted here.

use std::sync::Arc;

use crate::limits::{
    DIRECTORIES_BYTES, DIRECTORIES_PENDING, DIRECTORY_DEPTH, SORTED_BYTES, SORTED_ENTRIES,
};
use crate::storage::{Directory, Entry, Error, Kind, Result, Storage, VirtualPath};

/// The next item.
pub(super) enum Next {
    Entry(Box<Entry>),
    /// The following entries are in this directory.
    Directory(VirtualPath),
    /// No item yet: a directory is being gathered.
    Gathering,
    End,
}

/// The entries of one directory.
///
/// ```text
///   Gathering ──last entry──▶ Sorted ──all returned──▶ Done
///       └──too many to sort──▶ Streaming ──last entry──▶ Done
/// ```
enum WalkSource {
    Gathering(Box<dyn Directory>, Gathered),
    Sorted(std::vec::IntoIter<Entry>),
    /// The gathered entries, then the rest of the directory.
    Streaming(std::vec::IntoIter<Entry>, Box<dyn Directory>),
    Done,
}

/// Entries to sort.
#[derive(Default)]
struct Gathered {
    entries: Vec<Entry>,
    /// An upper estimate of their memory.
    bytes: usize,
}

impl Gathered {
    fn push(&mut self, entry: Entry) {
        let text = entry.name.len() + entry.target.as_ref().map_or(0, Vec::len);
        // The vector doubles when it grows, and each string is a separate allocation.
        self.bytes += 2 * size_of::<Entry>() + text + 32;
        self.entries.push(entry);
    }

    const fn is_full(&self) -> bool {
        self.entries.len() >= SORTED_ENTRIES || self.bytes >= SORTED_BYTES
    }
}

/// Iterates over a directory, and with `-R` over its subdirectories.
pub(super) struct Walk {
    source: WalkSource,
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
    /// Opens one directory; unless `sorted`, in the order of the file system.
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath, sorted: bool) -> Result<Self> {
        let source = if sorted {
            WalkSource::open(storage, path)?
        } else {
            WalkSource::Streaming(Vec::new().into_iter(), storage.list(path)?)
        };
        Ok(Self {
            source,
            subdirectories: None,
        })
    }

    /// Determines for each entry what the user may do with it.
    pub(super) fn include_permissions(mut self) -> Self {
        if let WalkSource::Gathering(directory, _) | WalkSource::Streaming(_, directory) =
            &mut self.source
        {
            directory.include_permissions();
        }
        self
    }

    /// Opens a directory and its subdirectories.
    pub(super) fn open_recursive(storage: &Arc<dyn Storage>, path: &VirtualPath) -> Result<Self> {
        Ok(Self {
            source: WalkSource::open(storage.as_ref(), path)?,
            subdirectories: Some(Subdirectories {
                storage: Arc::clone(storage),
                current: path.clone(),
                pending: Vec::new(),
                found: Vec::new(),
                bytes: 0,
                depth: 0,
                omitted: 0,
            }),
        })
    }

    /// Returns a single, known entry.
    pub(super) fn of(entry: Entry) -> Self {
        Self {
            source: WalkSource::Sorted(vec![entry].into_iter()),
            subdirectories: None,
        }
    }

    /// Whether nothing was omitted so far.
    pub(super) const fn is_complete(&self) -> bool {
        match &self.subdirectories {
            Some(subdirectories) => subdirectories.omitted == 0,
            None => true,
        }
    }

    /// Reads at most one entry. Returns `End` again after the end. Waits for the disk.
    pub(super) fn next(&mut self) -> Result<Next> {
        match self.source.next()? {
            Next::Entry(entry) => {
                if let Some(subdirectories) = &mut self.subdirectories {
                    subdirectories.note(&entry);
                }
                Ok(Next::Entry(entry))
            }
            Next::End => match self
                .subdirectories
                .as_mut()
                .and_then(Subdirectories::descend)
            {
                Some((path, source)) => {
                    self.source = source;
                    Ok(Next::Directory(path))
                }
                None => Ok(Next::End),
            },
            next => Ok(next),
        }
    }
}

impl WalkSource {
    fn open(storage: &dyn Storage, path: &VirtualPath) -> Result<Self> {
        Ok(Self::Gathering(storage.list(path)?, Gathered::default()))
    }

    fn next(&mut self) -> Result<Next> {
        match self {
            Self::Gathering(directory, gathered) => {
                let Some(entry) = directory.next_entry()? else {
                    let mut entries = std::mem::take(&mut gathered.entries);
                    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                    *self = Self::Sorted(entries.into_iter());
                    return Ok(Next::Gathering);
                };
                gathered.push(entry);
                if gathered.is_full()
                    && let Self::Gathering(directory, gathered) =
                        std::mem::replace(self, Self::Done)
                {
                    *self = Self::Streaming(gathered.entries.into_iter(), directory);
                }
                Ok(Next::Gathering)
            }
            Self::Sorted(entries) => Ok(entry_or_end(entries.next())),
            Self::Streaming(gathered, directory) => Ok(entry_or_end(match gathered.next() {
                Some(entry) => Some(entry),
                None => directory.next_entry()?,
            })),
            Self::Done => Ok(Next::End),
        }
    }
}

fn entry_or_end(entry: Option<Entry>) -> Next {
    entry.map_or(Next::End, |entry| Next::Entry(Box::new(entry)))
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
        let source = WalkSource::open(self.storage.as_ref(), &path);
        Some((path, source.unwrap_or_else(|_: Error| WalkSource::Done)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    fn recursive(memory: Memory) -> Walk {
        let storage: Arc<dyn Storage> = Arc::new(memory);
        Walk::open_recursive(&storage, &VirtualPath::root()).unwrap()
    }

    fn open(memory: &Memory, sorted: bool) -> Walk {
        Walk::open(memory, &VirtualPath::root(), sorted).unwrap()
    }

    fn walk(walk: &mut Walk) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match walk.next().unwrap() {
                Next::Entry(entry) => seen.push(String::from_utf8(entry.name).unwrap()),
                Next::Directory(path) => seen.push(format!("{path}:")),
                Next::Gathering => {}
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

    #[test]
    fn large_directory_is_complete() {
        for count in [SORTED_ENTRIES - 1, SORTED_ENTRIES, SORTED_ENTRIES + 1] {
            let memory = (0..count).fold(Memory::new(), |memory, number| {
                memory.with_file(&format!("/{number:05}"), b"")
            });
            let seen = walk(&mut open(&memory, true));
            assert_eq!(seen.len(), count);
            let mut sorted = seen.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), count);
            assert!(count >= SORTED_ENTRIES || sorted == seen);
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
    fn gathered_entries_are_bounded_in_bytes() {
        // Each as long as a symbolic link with a long target.
        let name = "x".repeat(4000);
        let memory = (0..SORTED_ENTRIES / 2).fold(Memory::new(), |memory, number| {
            memory.with_file(&format!("/{number:05}{name}"), b"")
        });
        let mut walking = open(&memory, true);
        let mut gathered = 0;
        while !matches!(walking.source, WalkSource::Streaming(..)) {
            assert!(matches!(walking.next(), Ok(Next::Gathering)));
            gathered += 1;
        }
        let bounds = SORTED_BYTES / 6000 + 1..=SORTED_BYTES / 4000;
        assert!(bounds.contains(&gathered), "{gathered}");
        assert_eq!(walk(&mut walking).len(), SORTED_ENTRIES / 2);
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
