//! What an account may do: a set of permissions, written as words.
//!
//! One for each kind of change and of look, as clients know them by command; the `perm` fact of
//! MLST and MLSD prints the same set. Only the set and its words are here: which command needs
//! which, the sessions know. RFC 3659 §7.5.5.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u16);

impl Permissions {
    /// Nothing but to be there.
    pub const NONE: Self = Self(0);
    /// See what is there: LIST, NLST, MLSD, MLST, STAT, DSIZ.
    pub const LIST: Self = Self(1);
    /// Read files: RETR, and their digests.
    pub const RETRIEVE: Self = Self(1 << 1);
    /// Make new files: STOR and APPE under a free name, STOU.
    pub const CREATE: Self = Self(1 << 2);
    /// Put others in the place of files: STOR, and RNTO under a name that is taken.
    pub const OVERWRITE: Self = Self(1 << 3);
    /// Put more behind what is in files: APPE.
    pub const APPEND: Self = Self(1 << 4);
    /// Remove files: DELE.
    pub const DELETE: Self = Self(1 << 5);
    /// Give other names: RNFR, RNTO.
    pub const RENAME: Self = Self(1 << 6);
    /// MKD.
    pub const MAKE_DIRECTORIES: Self = Self(1 << 7);
    /// RMD.
    pub const REMOVE_DIRECTORIES: Self = Self(1 << 8);
    /// Set the time of the last change: MFMT, MDTM with a time, SITE UTIME.
    pub const TIMES: Self = Self(1 << 9);
    /// Set permission bits: SITE CHMOD, MFF; and those of what is made next: SITE UMASK.
    pub const MODES: Self = Self(1 << 10);

    /// Look and take.
    pub const READ: Self = Self(Self::LIST.0 | Self::RETRIEVE.0);
    /// Everything that changes something.
    pub const WRITE: Self = Self(Self::ALL.0 & !Self::READ.0);
    /// A letter box: put something in, and see nothing of what is there.
    pub const UPLOAD_ONLY: Self = Self(Self::CREATE.0 | Self::MAKE_DIRECTORIES.0);
    /// Everything.
    pub const ALL: Self = Self((1 << 11) - 1);

    /// Go into a directory: of accounts all may, and of directories not all let the server in.
    pub const ENTER: Self = Self(1 << 11);
    /// What nothing forbids.
    pub const UNLIMITED: Self = Self(Self::ALL.0 | Self::ENTER.0);

    /// Whether all of `needed` are in it.
    pub const fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not among `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether at least one of `others` is in it.
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One word for each.
const WORDS: [(&str, Permissions); 11] = [
    ("list", Permissions::LIST),
    ("retrieve", Permissions::RETRIEVE),
    ("create", Permissions::CREATE),
    ("overwrite", Permissions::OVERWRITE),
    ("append", Permissions::APPEND),
    ("delete", Permissions::DELETE),
    ("rename", Permissions::RENAME),
    ("make-directories", Permissions::MAKE_DIRECTORIES),
    ("remove-directories", Permissions::REMOVE_DIRECTORIES),
    ("times", Permissions::TIMES),
    ("modes", Permissions::MODES),
];

/// Words for several.
const SHORTHANDS: [(&str, Permissions); 5] = [
    ("none", Permissions::NONE),
    ("read", Permissions::READ),
    ("write", Permissions::WRITE),
    ("upload-only", Permissions::UPLOAD_ONLY),
    ("all", Permissions::ALL),
];

/// A word that stands for no permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPermission(String);

impl fmt::Display for UnknownPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no such permission: '{}'; there are", self.0)?;
        let words = SHORTHANDS.iter().chain(&WORDS).map(|(word, _)| word);
        for (index, word) in words.enumerate() {
            write!(f, "{}{word}", if index == 0 { " " } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownPermission {}

impl FromStr for Permissions {
    type Err = UnknownPermission;

    /// Words with spaces or commas between them.
    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words.into_iter().try_fold(Self::NONE, |set, word| {
            let known = SHORTHANDS.iter().chain(&WORDS).find(|(w, _)| *w == word);
            let (_, more) = known.ok_or_else(|| UnknownPermission(word.to_owned()))?;
            Ok(set | *more)
        })
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("none");
        }
        let words = WORDS.iter().filter(|(_, one)| self.contains(*one));
        for (index, (word, _)) in words.enumerate() {
            write!(f, "{}{word}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permissions({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_and_shorthands() {
        for (text, set) in [
            ("read", Permissions::LIST | Permissions::RETRIEVE),
            ("list, retrieve", Permissions::READ),
            ("read write", Permissions::ALL),
            (
                "upload-only",
                Permissions::CREATE | Permissions::MAKE_DIRECTORIES,
            ),
            ("", Permissions::NONE),
            ("none", Permissions::NONE),
        ] {
            assert_eq!(text.parse(), Ok(set), "{text}");
        }
        assert!(!Permissions::WRITE.intersects(Permissions::READ));
        let unknown = "read wirte".parse::<Permissions>().unwrap_err().to_string();
        assert!(unknown.contains("'wirte'") && unknown.contains("upload-only"));
    }

    #[test]
    fn every_bit_has_a_word() {
        let all = WORDS
            .iter()
            .fold(Permissions::NONE, |set, (_, one)| set | *one);
        assert_eq!(all, Permissions::ALL);
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_read(bits in 0..=Permissions::ALL.0) {
            let set = Permissions(bits);
            prop_assert_eq!(set.to_string().parse(), Ok(set));
        }
    }
}
