//! Why a connection is closed: every close has a name, for the one way out and for the log.
//!
//! What a client hears is not here, nor why a transfer has ended; both are the session's.

use std::fmt;
use std::io;

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The client has heard the last reply and has closed, or did not in time.
    Finished,
    /// The client closed without a QUIT.
    ClientLeft,
    /// The connection was cut.
    Cut(io::ErrorKind),
    /// The client does not read its replies.
    RepliesUnread,
    /// The TLS handshake, or the end of TLS, did not come about.
    NotSecured,
    /// A proxy did not say for whom it has connected.
    NoProxyHeader,
    /// A turn panicked: a bug, and contained.
    Panicked,
    /// The server has stopped.
    Stopped,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("the conversation is over"),
            Self::ClientLeft => f.write_str("the client left"),
            Self::Cut(kind) => write!(f, "the connection was cut: {kind}"),
            Self::NotSecured => f.write_str("no TLS handshake came about"),
            Self::NoProxyHeader => f.write_str("no PROXY header came"),
            Self::RepliesUnread => f.write_str("the client does not read its replies"),
            Self::Panicked => f.write_str("its turn panicked; this is a bug"),
            Self::Stopped => f.write_str("the server has stopped"),
        }
    }
}
