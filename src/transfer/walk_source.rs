//! The names of one directory in the order of output (LIST, NLST, MLSD).
//!
//! With a permit, the names of a directory of usual size are gathered and sorted. A larger one is streamed
//! in the order of the file system, which bounds memory and the delay of the first byte. It examines the
//! entry of a name only when it is told to.

use super::names::Names;
use crate::storage::{Directory, Entry, Result, Storage, VirtualPath};

/// The names of one directory.
///
/// ```text
///   Gathering ──last name──▶ Sorted ──all returned──▶ Done
///       └──too many to sort──▶ Streaming ──last name──▶ Done
///   Single ──returned──▶ Done
/// ```
pub(super) enum WalkSource {
    Gathering(Box<dyn Directory>, Names),
    Sorted(Box<dyn Directory>, Names),
    /// The gathered names, then the rest of the directory.
    Streaming(Box<dyn Directory>, Names),
    /// The entry of the walk is known.
    Single,
    Done,
}

/// A step through the names.
pub(super) enum Step {
    Name,
    Known,
    Gathered,
    End,
}

impl WalkSource {
    /// Opens a directory: sorted, if that takes no more than these bytes, or else in the order of the file
    /// system.
    pub(super) fn open(storage: &dyn Storage, path: &VirtualPath, room: usize) -> Result<Self> {
        let (directory, names) = (storage.list(path)?, Names::within(room));
        Ok(match room {
            0 => Self::Streaming(directory, names),
            _ => Self::Gathering(directory, names),
        })
    }

    /// Replaces `name` by the next name, or gathers one.
    pub(super) fn next(&mut self, name: &mut Vec<u8>) -> Result<Step> {
        let is_there = match self {
            Self::Gathering(directory, names) => {
                let is_there = directory.next_name(name)?;
                if is_there && names.push(name) {
                    return Ok(Step::Gathered);
                }
                let Self::Gathering(directory, mut names) = std::mem::replace(self, Self::Done)
                else {
                    return Ok(Step::End);
                };
                if is_there {
                    *self = Self::Streaming(directory, names);
                    return Ok(Step::Name);
                }
                names.sort();
                *self = Self::Sorted(directory, names);
                return Ok(Step::Gathered);
            }
            Self::Sorted(_, names) => names.next(name),
            Self::Streaming(directory, names) => names.next(name) || directory.next_name(name)?,
            Self::Single => {
                *self = Self::Done;
                return Ok(Step::Known);
            }
            Self::Done => false,
        };
        Ok(if is_there { Step::Name } else { Step::End })
    }

    /// The directory of the names.
    pub(super) fn directory(&mut self) -> Option<&mut dyn Directory> {
        match self {
            Self::Gathering(directory, _)
            | Self::Sorted(directory, _)
            | Self::Streaming(directory, _) => Some(directory.as_mut()),
            Self::Single | Self::Done => None,
        }
    }

    /// Examines the entry with the last name.
    pub(super) fn examine(&mut self, entry: &mut Entry) -> bool {
        self.directory()
            .is_some_and(|directory| directory.examine(entry))
    }
}
