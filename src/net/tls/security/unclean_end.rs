//! An end of the socket that TLS did not announce, where that is allowed: uploads of clients that close
//! the socket without `close_notify`.
//!
//! Only an end between two records can be one: behind a part of a record something is missing for
//! certain. rustls does not tell the two apart, so the records are counted here. Whoever is on the way can
//! end a connection between two records (RFC 8446 §6.1), which is why it has to be allowed.

use std::io;

use super::Security;

/// Whether the peer may end without announcing it, and has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UncleanEnd {
    #[default]
    Refused,
    /// It was not to, and has: that was an error.
    Wrong,
    Allowed,
    Happened,
}

impl Security {
    /// See [`Channel::allow_unclean_end`](crate::net::Channel::allow_unclean_end).
    pub fn allow_unclean_end(&mut self) {
        if self.unclean_end == UncleanEnd::Refused {
            self.unclean_end = UncleanEnd::Allowed;
        }
    }

    /// See [`Channel::has_unclean_end`](crate::net::Channel::has_unclean_end).
    pub fn has_unclean_end(&self) -> bool {
        self.unclean_end == UncleanEnd::Happened
    }

    /// See [`Channel::is_within_record`](crate::net::Channel::is_within_record).
    pub fn is_within_record(&self) -> bool {
        !self.place.is_between_records()
    }

    /// See [`Channel::has_wrong_end`](crate::net::Channel::has_wrong_end).
    pub fn has_wrong_end(&self) -> bool {
        self.unclean_end == UncleanEnd::Wrong
    }

    /// What a read gives that rustls had nothing for.
    pub(super) fn read_failed(&mut self, error: io::Error) -> io::Result<usize> {
        let is_end =
            error.kind() == io::ErrorKind::UnexpectedEof && self.place.is_between_records();
        if !is_end {
            return Err(error);
        }
        if matches!(self.unclean_end, UncleanEnd::Refused | UncleanEnd::Wrong) {
            self.unclean_end = UncleanEnd::Wrong;
            return Err(error);
        }
        self.unclean_end = UncleanEnd::Happened;
        Ok(0)
    }
}
