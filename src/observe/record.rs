//! What is remembered of one transfer of a file that is over, whole or not: plain data, made by the
//! session, and read by whatever tells somebody of it.
//!
//! Listings are not transfers in this sense. Nothing here knows how a record is written.

use std::net::SocketAddr;
use std::time::Duration;

use crate::protocol::path::VirtualPath;

/// One transfer that is over.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// When it ended, in seconds since 1970.
    pub ended: i64,
    /// How long its bytes took; zero where it never had a data connection.
    pub took: Duration,
    /// The client.
    pub peer: SocketAddr,
    /// As it logged in.
    pub account: Box<[u8]>,
    /// Whether that is anybody's account.
    pub anonymous: bool,
    /// What it asked for.
    pub verb: Verb,
    /// The file; for STOU, the name that was found for it.
    pub path: VirtualPath,
    /// Bytes that went over the data connection.
    pub bytes: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether the data connection was secured.
    pub secured: bool,
    /// Whether it was converted as text (TYPE A or E).
    pub text: bool,
    /// Whether it was compressed on the way (MODE C or Z).
    pub compressed: bool,
}

impl TransferRecord {
    /// Whether the client sent and the server stored.
    pub const fn is_upload(&self) -> bool {
        !matches!(self.verb, Verb::Retrieve)
    }

    /// Whether every byte is in its place.
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
    /// As it is sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retrieve => "RETR",
            Self::Store => "STOR",
            Self::StoreUnique => "STOU",
            Self::Append => "APPE",
        }
    }
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every byte is in its place.
    Complete,
    /// Not; a word or two say why.
    Incomplete(&'static str),
}

impl Outcome {
    /// In a word or two, without spaces.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete(why) => why,
        }
    }
}
