//! The interface between a session and the reactor: [`Action`] and [`SessionEvent`].
//!
//! A session performs no I/O. It pushes actions to a queue, which the reactor executes in order, and
//! receives their results as events. At most one action with a later result is pending. Everything here is
//! plain data.

use std::net::SocketAddr;

use crate::auth::{AuthenticatedUser, LoginCredentials, LoginFailure};
use crate::file_task::{TaskResult, TaskSpec};
use crate::observe::{AuditRecord, TransferRecord};
use crate::storage::{self, Answer, Entry, Operation, VirtualPath};
use crate::transfer::{Listing, Mark, Opened, Plan};

/// A request of a session to the reactor.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Verify a name and a password. Result: [`SessionEvent::Verified`].
    Verify(LoginCredentials),
    /// Check whether the named account may log in by the client's certificate. Result:
    /// [`SessionEvent::Verified`].
    VerifyCertificate(Vec<u8>),
    /// Start TLS on the control connection once the reply is written. Results:
    /// [`SessionEvent::Switching`], then [`SessionEvent::Secured`].
    StartTls,
    /// End TLS on the control connection. Results: [`SessionEvent::Switching`], then
    /// [`SessionEvent::Cleared`].
    EndTls,
    /// Open a passive listener for the next transfer. It replaces the previous setup, which stays if no
    /// listener can be opened. Result: [`SessionEvent::Listening`].
    Listen {
        /// Whether the reply can only carry an IPv4 address (PASV).
        for_ipv4: bool,
    },
    /// Let the next transfer connect to this address, which replaces the previous setup.
    SetActiveAddress(SocketAddr),
    /// Leave the data connection open after a refused transfer command. It must carry no data until the
    /// next one: otherwise [`SessionEvent::DataConnectionLost`].
    KeepDataConnection,
    /// Close the data connection and its listener.
    CloseDataConnection,
    /// Perform a query or a change. Result: [`SessionEvent::StorageAnswered`].
    Operate(Operation),
    /// Run a file task. Results: [`SessionEvent::TaskAdvanced`] after each slice, then
    /// [`SessionEvent::TaskFinished`], or [`SessionEvent::TaskDropped`] if it was aborted.
    RunFileTask(TaskSpec),
    /// Query one directory entry. Result: [`SessionEvent::Entry`].
    DescribeEntry(VirtualPath),
    /// Make a listing for a reply. Result: [`SessionEvent::ListingMade`].
    List(Listing),
    /// List all sessions. Result: [`SessionEvent::SessionsListed`].
    ListSessions,
    /// Open the file of a transfer. Result: [`SessionEvent::Opened`] or [`SessionEvent::DataConnectionLost`].
    Open(Plan),
    /// Start the opened transfer, after the 150. Result: [`SessionEvent::Ended`].
    Begin,
    /// Cut the transfer at once. Result: [`SessionEvent::Ended`] with this ending, once its file and data
    /// connection are closed.
    Cut(Ending),
    /// Report a finished transfer.
    Record(Box<TransferRecord>),
    /// Write a record to the audit log.
    Audit(Box<AuditRecord>),
}

impl Action {
    /// In words, for a trace.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Verify(_) => "verify",
            Self::VerifyCertificate(_) => "verify certificate",
            Self::StartTls => "start TLS",
            Self::EndTls => "end TLS",
            Self::Listen { .. } => "listen",
            Self::SetActiveAddress(_) => "set active address",
            Self::KeepDataConnection => "keep data connection",
            Self::CloseDataConnection => "close data connection",
            Self::Operate(_) => "operate",
            Self::RunFileTask(_) => "run file task",
            Self::DescribeEntry(_) => "describe entry",
            Self::List(_) => "list",
            Self::ListSessions => "list sessions",
            Self::Open(_) => "open",
            Self::Begin => "begin",
            Self::Cut(_) => "cut",
            Self::Record(_) => "record",
            Self::Audit(_) => "audit",
        }
    }
}

/// The result of an action, or another event of the connection.
#[derive(Debug)]
pub enum SessionEvent {
    /// The result of [`Action::Verify`] or [`Action::VerifyCertificate`].
    Verified(Result<AuthenticatedUser, LoginFailure>),
    /// Of [`Action::StartTls`] and [`Action::EndTls`]: whether no byte followed the command, so that the
    /// switch is safe.
    Switching(bool),
    /// TLS has started, with the account name in the client's verified certificate.
    Secured(Option<Vec<u8>>),
    /// TLS has ended.
    Cleared,
    /// Of [`Action::Listen`]: the address for the reply.
    Listening(Result<SocketAddr, NoListener>),
    /// Of [`Action::Listen`]: [`Listening`](Self::Listening) comes later, when a port is free.
    PortAwaited,
    /// The data connection or its listener is closed: the client has not connected in time, or a [kept
    /// connection](Action::KeepDataConnection) has carried data. A transfer that was being opened is
    /// abandoned.
    DataConnectionLost,
    /// The result of [`Action::Operate`].
    StorageAnswered(storage::Result<Answer>),
    /// Of [`Action::Operate`] and [`Action::Open`]: the result waits for a count of the files under a quota.
    CountPending,
    /// An action that was [`CountPending`](Self::CountPending) is being retried.
    CountRetried,
    /// Of [`Action::RunFileTask`]: a slice is done, and more follow.
    TaskAdvanced,
    /// The result of [`Action::RunFileTask`].
    TaskFinished(storage::Result<TaskResult>),
    /// Of [`Action::RunFileTask`]: the task was aborted, and its file is closed.
    TaskDropped,
    /// The result of [`Action::DescribeEntry`].
    Entry(storage::Result<Box<Entry>>),
    /// The result of [`Action::List`]: lines that end in CRLF, and whether the listing is complete.
    ListingMade(storage::Result<(Vec<u8>, bool)>),
    /// The result of [`Action::ListSessions`]: one line for each session.
    SessionsListed(Vec<String>),
    /// The result of [`Action::Open`].
    Opened(storage::Result<Opened>),
    /// The transfer has a data connection.
    Connected,
    /// An upload has reached a restart marker, and the data before it is written.
    MarkerReached(Mark),
    /// The number of bytes that have crossed the data connection so far.
    Moved(u64),
    /// An upload over TLS was accepted although its data connection ended without `close_notify`.
    EndedUnclean,
    /// The transfer is over; its file and data connection are closed.
    Ended {
        /// How.
        ending: Ending,
        /// The number of bytes that have crossed the data connection.
        bytes: u64,
        /// The size of a partial file that was kept.
        kept: Option<u64>,
    },
}

/// Why there is no passive listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoListener {
    /// No port or descriptor is free.
    Port,
    /// There is no IPv4 address to tell: a proxy for an IPv4 client has connected over IPv6.
    Ipv4,
}

impl SessionEvent {
    pub(super) const fn error(&self) -> Option<storage::Error> {
        match self {
            Self::StorageAnswered(Err(error))
            | Self::TaskFinished(Err(error))
            | Self::Entry(Err(error))
            | Self::ListingMade(Err(error))
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
    /// All bytes are transferred and written.
    Complete,
    /// The data connection was not established.
    NotConnected,
    /// TLS on the data connection failed.
    NotSecured,
    /// The data connection was cut by the client or the network.
    Cut,
    /// The data of an upload violates MODE or STRU.
    Malformed,
    /// A recursive listing is truncated at its limits.
    Bounded,
    /// No byte moved for too long.
    Stalled,
    /// The client sent ABOR.
    Aborted,
    /// The control connection ended during an upload, which may be incomplete.
    Abandoned,
    /// The server is stopping.
    Stopped,
    /// A reload or the expiry of the account has revoked the permission.
    Revoked,
    /// The operator has ended the session.
    EndedByOperator,
    /// The storage failed.
    Failed(storage::Error),
}
