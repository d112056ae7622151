//! The entries of a listing, in the order in which they are shown.
//!
//! A directory of a usual size is gathered and sorted by name, where there is a place for that;
//! any other comes as the file system gives it, so that it neither costs more memory nor keeps
//! the first byte waiting. With `-R` the directories below follow, each behind its header, as `ls`
//! does: without recursion in the program, and bounded in depth and number; what that leaves out is
//! counted. Nothing is printed here.

use std::sync::Arc;

use crate::limits::{
    DIRECTORIES_BYTES, DIRECTORIES_PENDING, DIRECTORY_DEPTH, SORTED_BYTES, SORTED_ENTRIES,
};
use crate::storage::{Directory, Entry, Error, Kind, Result, Storage, VirtualPath};

/// What comes next.
pub(super) enum Next {
    Entry(Box<Entry>),
    /// What follows is in this directory.
    Directory(VirtualPath),
    /// Nothing yet: a directory is being gathered.
    Nothing,
    End,
}

/// The entries of one directory.
///
/// ```text
///   Gathering ──last entry──▶ Sorted ──all given──▶ Done
///       └──more than is sorted──▶ Flowing ──last entry──▶ Done
/// ```
enum WalkSource {
    Gathering(Box<dyn Directory>, Gathered),
    Sorted(std::vec::IntoIter<Entry>),
    Flowing(std::vec::IntoIter<Entry>, Box<dyn Directory>),
    Done,
}

/// Entries that are to be sorted.
#[derive(Default)]
struct Gathered {
    entries: Vec<Entry>,
    /// About, and rather too much.
    bytes: usize,
}

impl Gathered {
    fn push(&mut self, entry: Entry) {
        let text = entry.name.len() + entry.target.as_ref().map_or(0, Vec::len);
        // The vector doubles, and each text is an allocation of its own.
        self.bytes += 2 * size_of::<Entry>() + text + 32;
        self.entries.push(entry);
    }

    const fn is_full(&self) -> bool {
        self.entries.len() >= SORTED_ENTRIES || self.bytes >= SORTED_BYTES
    }
}

/// Walks through a directory, and with `-R` through those below.
pub(super) struct Walk {
    source: WalkSource,
    below: Option<Below>,
}

/// The directories that are still to come.
struct Below {
    storage: Arc<dyn Storage>,
    here: VirtualPath,
    /// Last in, first out, with how deep they are.
    pending: Vec<(VirtualPath, usize)>,
    /// Those in the directory that is being given, in its order.
    found: Vec<VirtualPath>,
    /// What all of them cost.
    bytes: usize,
    depth: usize,
    /// How many will not follow.
    left_out: usize,
}

impl Walk {
    /// Of one directory.
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath) -> Result<Self> {
        Ok(Self {
            source: WalkSource::open(storage, path)?,
            below: None,
        })
    }

    /// Of one directory, as the file system gives it.
    pub(super) fn open_unsorted(storage: &dyn Storage, path: &VirtualPath) -> Result<Self> {
        let none = Vec::new().into_iter();
        Ok(Self {
            source: WalkSource::Flowing(none, storage.list(path)?),
            below: None,
        })
    }

    /// Has what the system allows told of each entry.
    pub(super) fn tell_allowed(mut self) -> Self {
        if let WalkSource::Gathering(directory, _) | WalkSource::Flowing(_, directory) =
            &mut self.source
        {
            directory.tell_allowed();
        }
        self
    }

    /// Of a directory and those below.
    pub(super) fn open_recursive(storage: &Arc<dyn Storage>, path: &VirtualPath) -> Result<Self> {
        Ok(Self {
            source: WalkSource::open(storage.as_ref(), path)?,
            below: Some(Below {
                storage: Arc::clone(storage),
                here: path.clone(),
                pending: Vec::new(),
                found: Vec::new(),
                bytes: 0,
                depth: 0,
                left_out: 0,
            }),
        })
    }

    /// Of one entry that is known already.
    pub(super) fn of(entry: Entry) -> Self {
        Self {
            source: WalkSource::Sorted(vec![entry].into_iter()),
            below: None,
        }
    }

    /// Whether nothing is left out, so far.
    pub(super) const fn is_complete(&self) -> bool {
        match &self.below {
            Some(below) => below.left_out == 0,
            None => true,
        }
    }

    /// Looks at one entry at the most. After the end it is the end again. Waits.
    pub(super) fn next(&mut self) -> Result<Next> {
        match self.source.next()? {
            Next::Entry(entry) => {
                if let Some(below) = &mut self.below {
                    below.see(&entry);
                }
                Ok(Next::Entry(entry))
            }
            Next::End => match self.below.as_mut().and_then(Below::descend) {
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
                    return Ok(Next::Nothing);
                };
                gathered.push(entry);
                if gathered.is_full()
                    && let Self::Gathering(directory, gathered) =
                        std::mem::replace(self, Self::Done)
                {
                    *self = Self::Flowing(gathered.entries.into_iter(), directory);
                }
                Ok(Next::Nothing)
            }
            Self::Sorted(entries) => Ok(give(entries.next())),
            Self::Flowing(gathered, directory) => Ok(give(match gathered.next() {
                Some(entry) => Some(entry),
                None => directory.next_entry()?,
            })),
            Self::Done => Ok(Next::End),
        }
    }
}

fn give(entry: Option<Entry>) -> Next {
    entry.map_or(Next::End, |entry| Next::Entry(Box::new(entry)))
}

impl Below {
    /// Remembers a directory that is to follow. Links are not followed, so there is no circle.
    fn see(&mut self, entry: &Entry) {
        if entry.metadata.kind != Kind::Directory {
            return;
        }
        if self.depth < DIRECTORY_DEPTH
            && self.pending.len() + self.found.len() < DIRECTORIES_PENDING
            && let Ok(path) = self.here.join(&[b"./", entry.name.as_slice()].concat())
            && self.bytes + path.cost() <= DIRECTORIES_BYTES
        {
            self.bytes += path.cost();
            self.found.push(path);
        } else {
            self.left_out += 1;
        }
    }

    /// The next directory; one that cannot be listed is shown with nothing in it.
    fn descend(&mut self) -> Option<(VirtualPath, WalkSource)> {
        let depth = self.depth + 1;
        let found = self.found.drain(..).rev();
        self.pending.extend(found.map(|path| (path, depth)));
        let (path, depth) = self.pending.pop()?;
        self.bytes = self.bytes.saturating_sub(path.cost());
        self.depth = depth;
        self.here = path.clone();
        let source = WalkSource::open(self.storage.as_ref(), &path);
        Some((path, source.unwrap_or_else(|_: Error| WalkSource::Done)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes()).unwrap()
    }

    fn walk(mut walk: Walk) -> Vec<String> {
        walk_on(&mut walk)
    }

    fn walk_on(walk: &mut Walk) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match walk.next().unwrap() {
                Next::Entry(entry) => seen.push(String::from_utf8(entry.name).unwrap()),
                Next::Directory(path) => seen.push(format!("{path}:")),
                Next::Nothing => {}
                Next::End => return seen,
            }
        }
    }

    #[test]
    fn directories_of_a_usual_size_are_sorted_and_those_below_follow() {
        let mut memory = Memory::new();
        for name in ["/b/z", "/b/y/x", "/a/1", "/c"] {
            memory = memory.with_file(name, b"");
        }
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let flat = Walk::open(storage.as_ref(), &path("/")).unwrap();
        assert_eq!(walk(flat), ["a", "b", "c"]);
        let deep = Walk::open_recursive(&storage, &path("/")).unwrap();
        let expected = ["a", "b", "c", "/a:", "1", "/b:", "y", "z", "/b/y:", "x"];
        assert_eq!(walk(deep), expected);
    }

    #[test]
    fn a_large_directory_is_complete_too() {
        for count in [SORTED_ENTRIES - 1, SORTED_ENTRIES, SORTED_ENTRIES + 1] {
            let mut memory = Memory::new();
            for number in 0..count {
                memory = memory.with_file(&format!("/{number:05}"), b"");
            }
            let seen = walk(Walk::open(&memory, &path("/")).unwrap());
            assert_eq!(seen.len(), count);
            let mut sorted = seen.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), count);
            assert!(count >= SORTED_ENTRIES || sorted == seen);
        }
    }

    #[test]
    fn an_unsorted_walk_is_complete() {
        let memory = Memory::new().with_file("/b", b"").with_file("/a", b"");
        let mut seen = walk(Walk::open_unsorted(&memory, &path("/")).unwrap());
        seen.sort();
        assert_eq!(seen, ["a", "b"]);
    }

    #[test]
    fn what_is_gathered_is_bounded_in_bytes_too() {
        let mut memory = Memory::new();
        // Each as long as a link to far away.
        let name = "x".repeat(4000);
        for number in 0..SORTED_ENTRIES / 2 {
            memory = memory.with_file(&format!("/{number:05}{name}"), b"");
        }
        let mut walking = Walk::open(&memory, &path("/")).unwrap();
        let mut looked_at = 0;
        while !matches!(walking.source, WalkSource::Flowing(..)) {
            assert!(matches!(walking.next(), Ok(Next::Nothing)));
            looked_at += 1;
        }
        let least = SORTED_BYTES / 6000;
        assert!(
            least < looked_at && looked_at <= SORTED_BYTES / 4000,
            "{looked_at}"
        );
        assert_eq!(walk(walking).len(), SORTED_ENTRIES / 2);
    }

    #[test]
    fn what_is_remembered_to_follow_is_bounded_in_bytes_too() {
        let mut memory = Memory::new();
        let name = "x".repeat(3000);
        for number in 0..DIRECTORIES_PENDING / 2 {
            memory = memory.with_directory(&format!("/{number:05}{name}"));
        }
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let seen = walk(Walk::open_recursive(&storage, &path("/")).unwrap());
        let headers = seen.iter().filter(|line| line.ends_with(':')).count();
        assert!(headers <= DIRECTORIES_BYTES / 3000, "{headers}");
        assert!(headers >= DIRECTORIES_BYTES / 10_000, "{headers}");
    }

    #[test]
    fn depth_is_bounded_and_what_is_beyond_is_known() {
        for (depth, is_complete) in [(DIRECTORY_DEPTH, true), (DIRECTORY_DEPTH + 1, false)] {
            let deep = format!("/{}f", "d/".repeat(depth));
            let storage: Arc<dyn Storage> = Arc::new(Memory::new().with_file(&deep, b""));
            let mut walk = Walk::open_recursive(&storage, &path("/")).unwrap();
            let seen = walk_on(&mut walk);
            let headers = seen.iter().filter(|line| line.ends_with(':')).count();
            assert_eq!(headers, DIRECTORY_DEPTH);
            assert_eq!(walk.is_complete(), is_complete, "{depth}");
        }
    }

    #[test]
    fn number_is_bounded_and_what_is_beyond_is_known() {
        for (number, is_complete) in [
            (DIRECTORIES_PENDING, true),
            (DIRECTORIES_PENDING + 1, false),
        ] {
            let memory = (0..number).fold(Memory::new(), |memory, number| {
                memory.with_directory(&format!("/{number}"))
            });
            let storage: Arc<dyn Storage> = Arc::new(memory);
            let mut walk = Walk::open_recursive(&storage, &path("/")).unwrap();
            let seen = walk_on(&mut walk);
            let headers = seen.iter().filter(|line| line.ends_with(':')).count();
            assert_eq!(headers, DIRECTORIES_PENDING);
            assert_eq!(walk.is_complete(), is_complete, "{number}");
        }
    }
}
