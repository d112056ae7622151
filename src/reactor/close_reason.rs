//! Why a connection is closed: each close has a named reason, which is logged.
//!
//! The replies that a client gets, and why a transfer ended, are the session's.

use std::fmt;
use std::io;

use crate::session::Ending;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The last reply was flushed, and the client has closed or its time for that is over.
    Finished,
    /// The client closed without a QUIT.
    ClientLeft,
    /// The connection was cut.
    Cut(io::ErrorKind),
    /// The client did not read its replies in time.
    RepliesUnread,
    /// The TLS handshake, or the end of TLS, has failed or timed out.
    NotSecured,
    /// A proxy sent no valid PROXY header in time.
    NoProxyHeader,
    /// A turn panicked: a bug, contained to this connection.
    Panicked,
    /// The server has stopped.
    Stopped,
}

impl CloseReason {
    /// A word for it, for counters.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientLeft => "client left",
            Self::Cut(_) => "cut",
            Self::RepliesUnread => "replies unread",
            Self::NotSecured => "not secured",
            Self::NoProxyHeader => "no proxy header",
            Self::Panicked => "panicked",
            Self::Stopped => "stopped",
        }
    }

    /// How a transfer ends that is in progress then.
    pub(super) const fn ending(self) -> Ending {
        match self {
            Self::Stopped => Ending::Stopped,
            _ => Ending::Abandoned,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("the session is over"),
            Self::ClientLeft => f.write_str("the client left"),
            Self::Cut(kind) => write!(f, "the connection was cut: {kind}"),
            Self::NotSecured => f.write_str("the TLS handshake failed"),
            Self::NoProxyHeader => f.write_str("no PROXY header came"),
            Self::RepliesUnread => f.write_str("the client does not read its replies"),
            Self::Panicked => f.write_str("its turn panicked; this is a bug"),
            Self::Stopped => f.write_str("the server has stopped"),
        }
    }
}
