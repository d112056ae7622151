//! The permissions of an account: a bit set with a textual form.
//!
//! One bit for each kind of access, split by command; the `perm` fact of MLST and MLSD is derived
//! from the set (RFC 3659 §7.5.5). The session knows which command needs which permission.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u16);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// List files and read metadata: LIST, NLST, MLSD, MLST, STAT, DSIZ.
    pub const LIST: Self = Self(1);
    /// Read files: RETR, digests.
    pub const RETRIEVE: Self = Self(1 << 1);
    /// Create files: STOR and APPE with a new name, STOU.
    pub const CREATE: Self = Self(1 << 2);
    /// Replace files: STOR and RNTO with an existing name.
    pub const OVERWRITE: Self = Self(1 << 3);
    /// Append to files: APPE.
    pub const APPEND: Self = Self(1 << 4);
    /// Delete files: DELE.
    pub const DELETE: Self = Self(1 << 5);
    /// Rename files and directories: RNFR, RNTO.
    pub const RENAME: Self = Self(1 << 6);
    /// Create directories: MKD.
    pub const MAKE_DIRECTORIES: Self = Self(1 << 7);
    /// Remove directories: RMD.
    pub const REMOVE_DIRECTORIES: Self = Self(1 << 8);
    /// Set modification times: MFMT, MDTM with a time, SITE UTIME.
    pub const TIMES: Self = Self(1 << 9);
    /// Set permission bits: SITE CHMOD, MFF, and SITE UMASK for new files.
    pub const MODES: Self = Self(1 << 10);

    /// All permissions that change nothing.
    pub const READ: Self = Self(Self::LIST.0 | Self::RETRIEVE.0);
    /// All permissions that change something.
    pub const WRITE: Self = Self(Self::ALL.0 & !Self::READ.0);
    /// A drop box: create files and directories, but neither list nor read them.
    pub const UPLOAD_ONLY: Self = Self(Self::CREATE.0 | Self::MAKE_DIRECTORIES.0);
    /// All permissions of an account.
    pub const ALL: Self = Self((1 << 11) - 1);

    /// Enter a directory. Every account has it, so it has no word; the operating system may deny it.
    pub const ENTER: Self = Self(1 << 11);
    /// All bits: no restriction.
    pub const UNLIMITED: Self = Self(Self::ALL.0 | Self::ENTER.0);

    /// Whether the set contains all of `needed`.
    pub const fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// The intersection.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The difference.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether the set contains at least one of `others`.
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

/// The word of each permission.
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

/// Words for sets of permissions.
const SHORTHANDS: [(&str, Permissions); 5] = [
    ("none", Permissions::NONE),
    ("read", Permissions::READ),
    ("write", Permissions::WRITE),
    ("upload-only", Permissions::UPLOAD_ONLY),
    ("all", Permissions::ALL),
];

/// The word is not a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPermission(String);

impl fmt::Display for UnknownPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = SHORTHANDS.iter().chain(&WORDS).map(|(word, _)| *word);
        let words = words.collect::<Vec<_>>().join(", ");
        write!(
            f,
            "unknown permission '{}'; write one or more of {words}",
            self.0
        )
    }
}

impl std::error::Error for UnknownPermission {}

impl FromStr for Permissions {
    type Err = UnknownPermission;

    /// Words separated by spaces or commas.
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
        let words: Vec<_> = words.map(|(word, _)| *word).collect();
        f.write_str(&words.join(" "))
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
    fn words_and_shorthands_are_parsed() {
        for (text, set) in [
            ("read", Permissions::LIST | Permissions::RETRIEVE),
            ("list, retrieve", Permissions::READ),
            ("read write", Permissions::ALL),
            ("create make-directories", Permissions::UPLOAD_ONLY),
            ("upload-only", Permissions::UPLOAD_ONLY),
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
        let union = |set, (_, one): &(_, _)| set | *one;
        assert_eq!(
            WORDS.iter().fold(Permissions::NONE, union),
            Permissions::ALL
        );
    }

    proptest! {
        #[test]
        fn permissions_round_trip(bits in 0..=Permissions::ALL.0) {
            let set = Permissions(bits);
            prop_assert_eq!(set.to_string().parse(), Ok(set));
        }
    }
}
