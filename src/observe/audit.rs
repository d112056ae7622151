//! One line for each command that changed something or was refused: in the log, and as JSON.
//!
//! The session makes the record when it gives the final reply, whatever the command was. Names in it
//! are the client's choice: in the log they stand quoted behind everything else, so that a long one
//! can only be cut itself. Passwords are in no record: the commands that carry one are not audited.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use log::Level;

use super::target;
use crate::protocol::path::VirtualPath;
use crate::protocol::visible::{Quoted, QuotedName, Visible};

/// One command that changed something, moved a file, or was refused.
///
/// With `log.audit-json` each is a line of JSON, an object with these fields in this order; those that
/// do not apply are not there. A name that is not UTF-8 has its bytes in hexadecimal in another field
/// with `_hex` behind its key.
///
/// | field | what it is |
/// |---|---|
/// | `time` | when it was answered, RFC 3339, in UTC |
/// | `peer` | the client's address and port |
/// | `account` | as the client logged in; empty before a login |
/// | `verb` | the command in capitals, such as `STOR`, `RNTO`, `SITE CHMOD` |
/// | `path` | what it named, absolute as the client sees it; of RNTO the old name, of STOU the one found |
/// | `to` | of RNTO, the new name |
/// | `code` | the code of the final reply |
/// | `reason` | of a refusal, the text of the reply |
/// | `bytes`, `seconds` | of a transfer that began, what went over the data connection |
/// | `for_operator` | `true` where the operator can remove the cause: full disk, quota, missing rights, I/O |
/// | `left_out` | refusals of this session before it that came too fast to be recorded |
///
/// Refused is what was understood and not done: syntax errors, commands before a login and failed
/// logins are not. A refusal for want of the account's rights is no matter for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When it was answered, in seconds since 1970.
    pub time: i64,
    /// The client.
    pub peer: SocketAddr,
    /// As it logged in; empty before.
    pub account: Box<[u8]>,
    /// The command, in capitals; of SITE also which.
    pub verb: &'static str,
    /// What it was about, absolute as the client sees it. For RNTO the old name.
    pub path: Option<VirtualPath>,
    /// The new name.
    pub to: Option<VirtualPath>,
    /// The code of the reply.
    pub code: u16,
    /// The text of the reply, where the command was refused; not more of it than
    /// [`REASON_BYTES`](crate::limits::REASON_BYTES).
    pub reason: Box<[u8]>,
    /// What went over the data connection, and how long it took.
    pub moved: Option<(u64, Duration)>,
    /// Whether the cause is the operator's to remove: a full disk, a quota, a right that the server
    /// lacks on this system, a device that fails.
    pub is_for_operator: bool,
    /// Refusals of the same session before this one that came too fast to be recorded.
    pub left_out: u64,
}

impl AuditRecord {
    /// Writes it to the log.
    pub(super) fn log(&self) {
        let level = if self.is_for_operator {
            Level::Warn
        } else {
            Level::Info
        };
        log::log!(target: target::AUDIT, level, "{self}");
    }
}

impl fmt::Display for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peer, account) = (self.peer, QuotedName(&self.account));
        write!(f, "{peer}: {account} {} {}", self.verb, self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {}", Visible(&self.reason))?;
        }
        if let Some((bytes, took)) = self.moved {
            write!(f, " ({bytes} bytes, {:.3} s)", took.as_secs_f64())?;
        }
        if self.left_out > 0 {
            write!(f, " ({} refusals before it left out)", self.left_out)?;
        }
        if let Some(path) = &self.path {
            write!(f, " {}", Quoted(&path.to_bytes()))?;
        }
        if let Some(to) = &self.to {
            write!(f, " -> {}", Quoted(&to.to_bytes()))?;
        }
        Ok(())
    }
}
