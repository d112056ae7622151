//! The errors of storage calls, with the reason that a reply gives.
//!
//! Plain data without a path or an `io::Error`: it can cross threads and be compared in tests. It owns
//! the mapping from errno, and does not know which command failed.

use std::fmt;

/// Why a storage call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The call would block on a device; only with [`Wait::Never`](super::Wait::Never).
    WouldWait,
    /// No such file, or the path leaves the root (path traversal looks the same to a client).
    NotFound,
    /// The name exists already.
    Exists,
    /// A directory where a file is required.
    IsDirectory,
    /// Not a directory where one is required.
    NotDirectory,
    /// A directory that is not empty.
    NotEmpty,
    /// A device, pipe or socket.
    NotRegular,
    /// The operating system denies it.
    Denied,
    /// A rule of this server forbids it.
    Forbidden,
    /// The file system is read-only.
    ReadOnly,
    /// The file system does not support the name: too long, or invalid.
    BadName,
    /// The offset is beyond the end of the file.
    BeyondEnd,
    /// The file or tree is too large for the operation, or the time is outside what the file system stores.
    TooLarge,
    /// The file system is full.
    NoSpace,
    /// The quota is exceeded, ours or that of the file system.
    QuotaExceeded,
    /// The usage of a quota is still being counted; retry.
    NotCounted,
    /// The process is out of file descriptors or memory.
    Exhausted,
    /// Too many concurrent operations of this kind.
    Busy,
    /// The file is in use in a way that excludes the operation.
    InUse,
    /// The device failed.
    Device,
}

impl Error {
    /// Whether the operator has to remove the cause, as the client cannot avoid it.
    pub const fn concerns_operator(self) -> bool {
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

    /// The reason as given in a reply.
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

/// `None` if there is no such file.
pub(super) fn existing<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Err(Error::NotFound) => Ok(None),
        found => found.map(Some),
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
            // openat2(2) returns XDEV or LOOP for a path that leaves the root.
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
    fn errno_maps_to_error_and_addressee() {
        for (errno, error, concerns_operator) in [
            // Path traversal.
            (Errno::XDEV, Error::NotFound, false),
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
            // Any other.
            (Errno::IO, Error::Device, true),
        ] {
            assert_eq!(Error::from(errno), error, "{errno}");
            assert_eq!(error.concerns_operator(), concerns_operator, "{errno}");
        }
    }
}
