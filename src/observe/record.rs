//! The record of one finished transfer of a file, complete or not.
//!
//! Plain data: the session makes it; the transfer logs, events and subscriptions format it. Directory
//! listings have no record.

use std::net::SocketAddr;
use std::time::Duration;

use crate::protocol::path::VirtualPath;

/// A finished transfer.
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// When it ended, in seconds since 1970.
    pub ended: i64,
    /// The time from the data connection to the end; zero without a data connection.
    pub took: Duration,
    /// The address and port of the client.
    pub peer: SocketAddr,
    /// The name by which the client has logged in.
    pub account: Box<[u8]>,
    /// Whether the account accepts any password.
    pub anonymous: bool,
    /// The command.
    pub verb: Verb,
    /// The file; for STOU, the name that the server has chosen.
    pub path: VirtualPath,
    /// Payload bytes sent or received over the data connection.
    pub bytes: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the data connection used TLS.
    pub secured: bool,
    /// Whether it was a text transfer (TYPE A or E).
    pub text: bool,
    /// Whether it was compressed (MODE C or Z).
    pub compressed: bool,
}

impl TransferRecord {
    /// Whether the client sent the file.
    pub const fn is_upload(&self) -> bool {
        !matches!(self.verb, Verb::Retrieve)
    }

    /// Whether the whole file was transferred and, for an upload, stored.
    pub const fn is_complete(&self) -> bool {
        matches!(self.outcome, Outcome::Complete)
    }
}

/// The command of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// RETR.
    Retrieve,
    /// STOR.
    Store,
    /// STOU.
    StoreUnique,
    /// APPE.
    Append,
}

impl Verb {
    /// The command as in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retrieve => "RETR",
            Self::Store => "STOR",
            Self::StoreUnique => "STOU",
            Self::Append => "APPE",
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole file was transferred and, for an upload, stored.
    Complete,
    /// It failed; the reason is one word, such as `aborted` or `not-connected`.
    Incomplete(&'static str),
}

impl Outcome {
    /// `complete`, or the reason of the failure; without spaces.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete(why) => why,
        }
    }
}
