//! What a file system needs so that a rename survives a power cut: one table, by the type of the file system
//! and the [`Durability`]. And the names that it refuses.
//!
//! Pure but for the query of the type (statfs(2)). The guide (`limits`) says which rows were tried by cutting
//! the power of a virtual machine. It knows no names and makes no sync.

use std::os::fd::AsFd;

use crate::storage::Durability;

/// The kinds of file systems that differ in what they keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    /// A rename keeps the old or the new file. Types that are not known count as such.
    Ordered,
    /// A rename may reach the disk long before the bytes of the new file: UBIFS, XFS.
    Delayed,
    /// The entry of a directory holds the size and the first cluster of its file, and a rename leaves both in
    /// memory: msdos, VFAT and exFAT.
    Fat,
    /// Behind FUSE is one of another type, which the kernel does not know. A rename counts as ordered.
    Fuse,
}

/// What is synced around a rename, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    /// The file, before the rename.
    pub(super) before: bool,
    /// The file again, after the rename: its bytes are there, but not what its new name says of it.
    pub(super) after: bool,
    /// The names, last: until then the old name stands, too, which loses nothing.
    pub(super) names: bool,
}

/// The types, as in statfs(2).
const MSDOS: u64 = 0x4d44;
const EXFAT: u64 = 0x2011_bab0;
const FUSE: u64 = 0x6573_5546;
const UBIFS: u64 = 0x2405_1905;
const XFS: u64 = 0x5846_5342;

impl FileSystem {
    /// The file system of an open directory.
    pub(super) fn of(directory: impl AsFd) -> Self {
        // A kernel or a sandbox without the call: as those that are not known.
        let found = rustix::fs::fstatfs(directory);
        found.map_or(Self::Ordered, |found| Self::of_type(found.f_type))
    }

    /// The type has another width on each processor.
    fn of_type(number: impl TryInto<u64>) -> Self {
        // A negative type is none of these.
        match number.try_into().unwrap_or(0) {
            MSDOS | EXFAT => Self::Fat,
            UBIFS | XFS => Self::Delayed,
            FUSE => Self::Fuse,
            _ => Self::Ordered,
        }
    }

    /// Whether a file can get this name; `None`: it has to be tried. FAT refuses some characters only when a
    /// name is made, which for an upload is at its end.
    pub(super) fn allows(self, name: &[u8]) -> Option<bool> {
        let is_bad = |byte: &u8| *byte < b' ' || br#""*:<>?\|"#.contains(byte);
        let has_bad = name.iter().any(is_bad);
        match self {
            Self::Ordered | Self::Delayed => Some(true),
            Self::Fat => Some(!has_bad && !name.ends_with(b" ")),
            Self::Fuse => (!has_bad && str::from_utf8(name).is_ok()).then_some(true),
        }
    }

    /// What to sync around a rename. `loses_old`: a power cut could take an old file, the target that is
    /// replaced, or the one whose name changes.
    pub(super) const fn steps(self, durability: Durability, loses_old: bool) -> Steps {
        let (before, after, names) = match (self, durability) {
            (Self::Ordered | Self::Fuse, Durability::None) => (false, false, false),
            (Self::Delayed, Durability::None) => (loses_old, false, false),
            // The old entry is freed at the rename: each step without the others loses both files.
            (Self::Fat, Durability::None) => (loses_old, loses_old, loses_old),
            (Self::Fat, Durability::Rename | Durability::Fsync) => (true, true, true),
            (_, Durability::Rename) => (true, false, false),
            (_, Durability::Fsync) => (true, false, true),
        };
        Steps {
            before,
            after,
            names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FileSystem::{Delayed, Fat, Fuse, Ordered};

    #[test]
    fn type_of_the_file_system_is_recognised() {
        for (number, expected) in [
            (0xef53_i64, Ordered),  // ext2, ext3, ext4
            (0x9123_683e, Ordered), // btrfs
            (0xf2f5_2010, Ordered), // F2FS
            (0x72b6, Ordered),      // JFFS2
            (0x6573_5546, Fuse),    // FUSE
            (0x2405_1905, Delayed), // UBIFS
            (0x5846_5342, Delayed), // XFS
            (0x4d44, Fat),          // msdos, VFAT
            (0x2011_bab0, Fat),     // exFAT
        ] {
            assert_eq!(FileSystem::of_type(number), expected, "{number:x}");
        }
        assert_eq!(FileSystem::of_type(-1_i32), Ordered);
    }

    #[test]
    fn names_that_fat_refuses_are_known() {
        for name in [
            "a:b",
            "12:30.jpg",
            "what?",
            "a*",
            "\"",
            "<",
            ">",
            "|",
            "\\",
            "\t",
            "end ",
        ] {
            assert_eq!(Fat.allows(name.as_bytes()), Some(false), "{name:?}");
            let others = [Ordered, Delayed].map(|one| one.allows(name.as_bytes()));
            assert_eq!(others, [Some(true); 2]);
        }
        for name in [
            "a",
            "a b.c",
            " a",
            "{[(~#+,;=!'$%&@`^-_)]}",
            "ÄÖ",
            ".hidden",
        ] {
            let both = [Fat, Fuse].map(|one| one.allows(name.as_bytes()));
            assert_eq!(both, [Some(true); 2], "{name:?}");
        }
        for name in [&b"a:b"[..], b"\xff"] {
            assert_eq!(Fuse.allows(name), None, "{name:?}");
        }
    }

    #[test]
    fn steps_follow_file_system_and_durability() {
        const NONE: [bool; 3] = [false; 3];
        const BEFORE: [bool; 3] = [true, false, false];
        const NAMES: [bool; 3] = [true, false, true];
        const ALL: [bool; 3] = [true; 3];
        for (file_system, durability, new, replaced) in [
            (Ordered, Durability::None, NONE, NONE),
            (Ordered, Durability::Rename, BEFORE, BEFORE),
            (Ordered, Durability::Fsync, NAMES, NAMES),
            (Delayed, Durability::None, NONE, BEFORE),
            (Delayed, Durability::Rename, BEFORE, BEFORE),
            (Delayed, Durability::Fsync, NAMES, NAMES),
            (Fat, Durability::None, NONE, ALL),
            (Fat, Durability::Rename, ALL, ALL),
            (Fat, Durability::Fsync, ALL, ALL),
        ] {
            for (loses_old, expected) in [(false, new), (true, replaced)] {
                let steps = file_system.steps(durability, loses_old);
                let found = [steps.before, steps.after, steps.names];
                assert_eq!(
                    found, expected,
                    "{file_system:?} {durability:?} {loses_old}"
                );
            }
        }
    }
}
