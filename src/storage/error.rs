//! Why a storage call failed, in words that a session can turn into a reply.
//!
//! Plain data, without a path or a system's error object, so that it can cross threads
//! and be compared in tests.

use std::fmt;

/// Why a storage call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The call would have to wait for a device; only with [`Wait::Never`](super::Wait::Never).
    WouldWait,
    /// No such name, or it leads out of the root (which is not told apart).
    NotFound,
    /// The name exists already.
    Exists,
    /// A directory where a file is needed.
    IsDirectory,
    /// Something else where a directory is needed.
    NotDirectory,
    /// A directory that is not empty.
    NotEmpty,
    /// A device, pipe or socket.
    NotRegular,
    /// The operating system does not let the server do it.
    Denied,
    /// A rule of this server forbids it, whatever the system would say.
    Forbidden,
    /// The file system is read-only.
    ReadOnly,
    /// A name or path longer than the file system takes, or one that it cannot hold.
    BadName,
    /// The offset lies behind the end of the file.
    BeyondEnd,
    /// The file is too large for what was asked.
    TooLarge,
    /// The file system is full.
    NoSpace,
    /// The owner's quota is used up.
    QuotaExceeded,
    /// What a quota is for is still being counted.
    NotCounted,
    /// The process has no descriptor or memory left.
    Exhausted,
    /// Too much of this is being done already.
    Busy,
    /// The file is in use in a way that forbids this.
    InUse,
    /// The device failed.
    Device,
}

impl Error {
    /// Whether its cause is the operator's to remove, and not the client's to avoid.
    pub const fn is_for_operator(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::ReadOnly
                | Self::NoSpace
                | Self::QuotaExceeded
                | Self::Exhausted
                | Self::Device
        )
    }

    /// The short reason that a reply gives.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WouldWait => "Not ready",
            Self::NotFound => "No such file or directory",
            Self::Exists => "File exists",
            Self::IsDirectory => "Is a directory",
            Self::NotDirectory => "Not a directory",
            Self::NotEmpty => "Directory not empty",
            Self::NotRegular => "Not a regular file",
            Self::Denied | Self::Forbidden => "Permission denied",
            Self::ReadOnly => "Read-only file system",
            Self::BadName => "File name not allowed",
            Self::BeyondEnd => "Offset beyond the end of the file",
            Self::TooLarge => "File too large",
            Self::NoSpace => "No space left on device",
            Self::QuotaExceeded => "Quota exceeded",
            Self::NotCounted => "Files are still being counted; try again later",
            Self::Exhausted => "Out of resources",
            Self::Busy => "Too much of this is being done already; try again later",
            Self::InUse => "File in use",
            Self::Device => "Input/output error",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Error {}

impl From<rustix::io::Errno> for Error {
    fn from(errno: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match errno {
            // XDEV and LOOP are how openat2 says that a path leads out of the root.
            Errno::NOENT | Errno::XDEV | Errno::LOOP => Self::NotFound,
            Errno::AGAIN => Self::WouldWait,
            Errno::EXIST => Self::Exists,
            Errno::ISDIR => Self::IsDirectory,
            Errno::NOTDIR => Self::NotDirectory,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::NXIO => Self::NotRegular,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::ROFS => Self::ReadOnly,
            Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => Self::BadName,
            Errno::FBIG | Errno::OVERFLOW => Self::TooLarge,
            Errno::NOSPC => Self::NoSpace,
            Errno::DQUOT => Self::QuotaExceeded,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Exhausted,
            Errno::BUSY | Errno::TXTBSY => Self::InUse,
            _ => Self::Device,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn a_path_that_leaves_the_root_looks_missing() {
        assert_eq!(Error::from(Errno::XDEV), Error::NotFound);
    }

    /// A reply tells the client what it may do about it; the operator hears of the rest.
    #[test]
    fn what_the_system_says_is_told_apart() {
        for (errno, error, is_for_operator) in [
            (Errno::LOOP, Error::NotFound, false),
            (Errno::NXIO, Error::NotRegular, false),
            (Errno::PERM, Error::Denied, true),
            (Errno::ROFS, Error::ReadOnly, true),
            (Errno::ILSEQ, Error::BadName, false),
            (Errno::OVERFLOW, Error::TooLarge, false),
            (Errno::NOSPC, Error::NoSpace, true),
            (Errno::DQUOT, Error::QuotaExceeded, true),
            (Errno::MFILE, Error::Exhausted, true),
            (Errno::NFILE, Error::Exhausted, true),
            (Errno::NOMEM, Error::Exhausted, true),
            (Errno::BUSY, Error::InUse, false),
            (Errno::TXTBSY, Error::InUse, false),
        ] {
            assert_eq!(Error::from(errno), error, "{errno}");
            assert_eq!(error.is_for_operator(), is_for_operator, "{errno}");
        }
    }

    #[test]
    fn an_unknown_errno_is_the_device() {
        assert_eq!(Error::from(Errno::IO), Error::Device);
    }
}
