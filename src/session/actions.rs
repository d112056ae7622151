//! What a session asks for, and what it is told: the two enums between it and the reactor.
//!
//! A session does nothing itself. It puts [`Action`]s into a queue, which the reactor carries
//! out first in, first out, and is told the result in a [`SessionEvent`]. At most one order that
//! is answered later is under way; everything in here is plain data.

use std::fmt;
use std::net::SocketAddr;

use crate::auth::{AuthenticatedUser, Credentials, Refusal};
use crate::file_task::{TaskResult, TaskSpec};
use crate::observe::{AuditRecord, Outcome, TransferRecord};
use crate::storage::{self, Answer, Entry, Operation, VirtualPath};
use crate::transfer::{Listing, Mark, Opened, Plan};

/// What a session wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Who is it? [`SessionEvent::Verified`].
    Verify(Credentials),
    /// May the named account log in on the strength of the client's certificate?
    /// [`SessionEvent::Verified`].
    Vouch(Vec<u8>),
    /// The control connection goes over to TLS, once the reply is written. [`SessionEvent::Switching`],
    /// then [`SessionEvent::Secured`].
    Secure,
    /// And back to clear text. [`SessionEvent::Switching`], then [`SessionEvent::Cleared`].
    Clear,
    /// A passive listener for the next transfer, instead of whatever is arranged; what is arranged
    /// stays where there is none. [`SessionEvent::Listening`].
    Listen {
        /// The client can only be told an address of IPv4.
        for_ipv4: bool,
    },
    /// The next transfer connects to the client, instead of whatever is arranged.
    Dial(SocketAddr),
    /// A transfer's command was refused: what is arranged stays for the next one, up to which nothing
    /// may come over it. [`SessionEvent::Lost`], if something does.
    Keep,
    /// Nothing is arranged any more; a data connection that stands is closed.
    HangUp,
    /// A question to the storage, or a change. [`SessionEvent::Operated`].
    Operate(Operation),
    /// Something that takes long. [`SessionEvent::Found`], and [`SessionEvent::Advanced`] before; or
    /// [`SessionEvent::Dropped`], where it has been abandoned meanwhile.
    Send(TaskSpec),
    /// One entry. [`SessionEvent::Entry`].
    Describe(VirtualPath),
    /// A listing for a reply. [`SessionEvent::Described`].
    List(Listing),
    /// Who else is there? [`SessionEvent::Present`].
    Who,
    /// The file side of a transfer is opened. [`SessionEvent::Opened`], or [`SessionEvent::Lost`].
    Open(Plan),
    /// The 150 is said: the opened transfer may have its data connection. [`SessionEvent::Ended`].
    Begin,
    /// The transfer is cut, at once. [`SessionEvent::Ended`] with this ending once everything that it
    /// held is closed.
    Cut(Ending),
    /// A transfer is over: whoever wants to know of it may be told.
    Record(Box<TransferRecord>),
    /// A command has changed something or was refused: that is logged.
    Audit(Box<AuditRecord>),
}

/// What the reactor tells a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// Who the client is, or why it may not come in.
    Verified(Result<AuthenticatedUser, Refusal>),
    /// Of [`Action::Secure`] and [`Action::Clear`]: whether the command was the last that came in
    /// front of the switch, so that it may be made.
    Switching(bool),
    /// TLS has begun; the account that the client's verified certificate names, if it does.
    Secured(Option<Vec<u8>>),
    /// TLS has ended.
    Cleared,
    /// Of [`Action::Listen`]: where the client shall connect to, as it is to be told.
    Listening(Result<SocketAddr, NoListener>),
    /// What was arranged is closed: the client has not connected in time, or something came over
    /// what [was kept](Action::Keep). A transfer that was to be opened is not.
    Lost,
    /// Of [`Action::Operate`].
    Operated(storage::Result<Answer>),
    /// Of [`Action::Operate`] and [`Action::Open`]: it is answered when files have been counted.
    NotCounted,
    /// What was [`NotCounted`](Self::NotCounted) is under way once more.
    TriedAgain,
    /// Of [`Action::Send`]: it goes on.
    Advanced,
    /// Of [`Action::Send`]: it is over.
    Found(storage::Result<TaskResult>),
    /// Of [`Action::Send`]: it was abandoned, and what it had open is closed.
    Dropped,
    /// Of [`Action::Describe`].
    Entry(storage::Result<Box<Entry>>),
    /// Lines that end in CRLF, and whether that is all of them.
    Described(storage::Result<(Vec<u8>, bool)>),
    /// A line for each session.
    Present(Vec<String>),
    /// Of [`Action::Open`].
    Opened(storage::Result<Opened>),
    /// The transfer has a data connection.
    Connected,
    /// An upload has come to a restart marker, and what is before it is written.
    Marked(Mark),
    /// So many bytes have gone over the data connection so far.
    Moved(u64),
    /// An upload over TLS has all that came, and its data connection has ended without `close_notify`.
    EndedUnclean,
    /// The transfer is over, and everything that it held is closed.
    Ended {
        /// How.
        ending: Ending,
        /// So many have gone over the data connection.
        bytes: u64,
        /// How long the file is that has a part of an upload.
        kept: Option<u64>,
    },
}

/// Why there is no passive listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoListener {
    /// There is no port or descriptor left.
    Port,
    /// The address is none of IPv4: an IPv4 client of a proxy that reaches us over IPv6.
    Ipv4,
}

impl SessionEvent {
    /// Why the storage failed, where it did.
    pub(super) const fn error(&self) -> Option<storage::Error> {
        match self {
            Self::Operated(Err(error))
            | Self::Found(Err(error))
            | Self::Entry(Err(error))
            | Self::Described(Err(error))
            | Self::Opened(Err(error))
            | Self::Ended {
                ending: Ending::Failed(error),
                ..
            } => Some(*error),
            _ => None,
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every byte is in its place.
    Complete,
    /// The data connection did not come to be.
    NotConnected,
    /// The data connection could not be secured as it should be.
    NotSecured,
    /// The data connection was cut by the client or the network.
    Cut,
    /// What the client sent is not what MODE and STRU say that it is.
    Malformed,
    /// A listing has left out what is beyond its bounds.
    Bounded,
    /// No byte moved for too long.
    Stalled,
    /// The client said ABOR.
    Aborted,
    /// The control connection ended under an upload, which so cannot be known to be whole.
    Abandoned,
    /// The server is stopping.
    Stopped,
    /// A reload, or the clock, has taken the right to it from the client.
    Revoked,
    /// The storage failed.
    Failed(storage::Error),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "every byte is in its place",
            Self::NotConnected => "no data connection came to be",
            Self::NotSecured => "the data connection could not be secured",
            Self::Cut => "the data connection was cut",
            Self::Malformed => "what came is not what MODE and STRU say",
            Self::Bounded => "there is more than LIST -R goes through",
            Self::Stalled => "no byte moved for too long",
            Self::Aborted => "the client said ABOR",
            Self::Abandoned => "the control connection ended",
            Self::Stopped => "the server is stopping",
            Self::Revoked => "it is no longer allowed",
            Self::Failed(error) => return write!(f, "the storage failed: {error}"),
        })
    }
}

impl Ending {
    /// As it is recorded.
    pub(super) const fn outcome(self) -> Outcome {
        Outcome::Incomplete(match self {
            Self::Complete => return Outcome::Complete,
            Self::NotConnected => "not-connected",
            Self::NotSecured => "not-secured",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::Bounded => "bounded",
            Self::Stalled => "stalled",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
            Self::Stopped => "stopped",
            Self::Revoked => "revoked",
            Self::Failed(storage::Error::NoSpace | storage::Error::QuotaExceeded) => "no-space",
            Self::Failed(_) => "failed",
        })
    }
}
