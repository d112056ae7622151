//! How a connection ends, and what can go wrong with it.
//!
//! Each trouble has a short name by which it is counted, and a sentence. A password is in neither.

use std::io;

use super::client::{BadReply, Refusal};
use super::content::Difference;
use crate::cause::cause;

/// Why a connection is no more.
#[derive(Debug)]
pub(super) enum End {
    /// It has done its work.
    Finished,
    /// It has failed.
    Failed(Trouble),
}

/// What can go wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    Connect(io::Error),
    Lost(io::Error),
    Closed,
    Garbage(BadReply),
    Refused(Refusal),
    Unasked(String),
    TimedOut(&'static str),
    Tls(String),
    /// Of a data connection.
    Data(io::Error),
    /// The file of this name came back with another content.
    Content(String, Difference),
}

impl Trouble {
    /// What kind of error it is, to be counted.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Connect(error) => format!("connect: {}", error.kind()),
            Self::Lost(error) => format!("connection lost: {}", error.kind()),
            Self::Closed => "closed by the server".to_owned(),
            Self::Garbage(_) => "no FTP reply".to_owned(),
            Self::Refused(refusal) => format!("{} to {}", refusal.code, refusal.command),
            Self::Unasked(_) => "reply without a command".to_owned(),
            Self::TimedOut(what) => format!("time-out: {what}"),
            Self::Tls(_) => "TLS".to_owned(),
            Self::Data(error) => format!("data connection: {}", error.kind()),
            Self::Content(_, Difference::Byte { .. }) => "verify: other bytes".to_owned(),
            Self::Content(_, Difference::Short { .. }) => "verify: too short".to_owned(),
            Self::Content(_, Difference::Long { .. }) => "verify: too long".to_owned(),
        }
    }

    /// A sentence about it.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Connect(error) => format!("the connection failed: {}", cause(error)),
            Self::Lost(error) => format!("the connection was lost: {}", cause(error)),
            Self::Closed => "the server closed the connection".to_owned(),
            Self::Garbage(bad) => bad.to_string(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::Unasked(reply) => format!("the server sent '{reply}' without a command"),
            Self::TimedOut(what) => format!("the server did not {what} in time (--timeout)"),
            Self::Tls(why) => format!("TLS failed: {why}"),
            Self::Data(error) => format!("a data connection failed: {}", cause(error)),
            Self::Content(name, difference) => format!("{name} has changed: {difference}"),
        }
    }
}
