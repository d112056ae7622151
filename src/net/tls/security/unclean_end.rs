//! Uploads of clients that close the socket without `close_notify`.
//!
//! Such an end is acceptable only between two records: after a partial record data is certainly
//! missing. rustls does not distinguish the two, so [`RecordPosition`](super::RecordPosition) does.
//! An attacker on the path can cut a connection between two records (truncation, RFC 8446 §6.1),
//! which is why the caller must allow it.

use std::io;

use super::Security;

/// Whether the peer may end without `close_notify`, and whether it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UncleanEnd {
    #[default]
    Forbidden,
    /// Forbidden, and it has: the read failed.
    Rejected,
    Allowed,
    /// Allowed, and it has: the read returned 0.
    Accepted,
}

impl Security {
    /// See [`Channel::allow_unclean_end`](crate::net::Channel::allow_unclean_end).
    pub fn allow_unclean_end(&mut self) {
        if self.unclean_end == UncleanEnd::Forbidden {
            self.unclean_end = UncleanEnd::Allowed;
        }
    }

    /// See [`Channel::has_accepted_unclean_end`](crate::net::Channel::has_accepted_unclean_end).
    pub fn has_accepted_unclean_end(&self) -> bool {
        self.unclean_end == UncleanEnd::Accepted
    }

    /// See [`Channel::is_within_record`](crate::net::Channel::is_within_record).
    pub fn is_within_record(&self) -> bool {
        !self.position.is_between_records()
    }

    /// See [`Channel::has_rejected_unclean_end`](crate::net::Channel::has_rejected_unclean_end).
    pub fn has_rejected_unclean_end(&self) -> bool {
        self.unclean_end == UncleanEnd::Rejected
    }

    /// Converts an error of rustls' reader to the result of a read: 0 at an allowed unclean end.
    pub(super) fn read_failed(&mut self, error: io::Error) -> io::Result<usize> {
        let is_end =
            error.kind() == io::ErrorKind::UnexpectedEof && self.position.is_between_records();
        if !is_end {
            return Err(error);
        }
        if matches!(
            self.unclean_end,
            UncleanEnd::Forbidden | UncleanEnd::Rejected
        ) {
            self.unclean_end = UncleanEnd::Rejected;
            return Err(error);
        }
        self.unclean_end = UncleanEnd::Accepted;
        Ok(0)
    }
}
