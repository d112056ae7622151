//! The audit record: one log line, and one line of JSON, for each command that has changed something or was
//! refused.
//!
//! The session makes it with the final reply of the command. Clients choose the file names in it, so the
//! log line has them quoted at its end, where truncation cuts nothing else. Commands that carry a password
//! are not audited.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use log::Level;

use super::target;
use crate::protocol::path::VirtualPath;
use crate::protocol::seconds::Seconds;
use crate::protocol::visible::{Quoted, QuotedName, Visible};

/// A command that has changed something, transferred a file, or was refused.
///
/// With `log.audit-json` each record is a line of JSON: an object with these fields in this order, without
/// those that do not apply. For a name that is not UTF-8, a second field has its bytes in hexadecimal; its
/// key ends in `_hex`.
///
/// | field | value |
/// |---|---|
/// | `time` | the time of the final reply, RFC 3339, in UTC |
/// | `peer` | the address and port of the client |
/// | `account` | the name by which the client has logged in; empty before a login |
/// | `verb` | the command in capitals, such as `STOR`, `RNTO`, `SITE CHMOD` |
/// | `path` | the file, absolute in the account's directory; RNTO: the old name; STOU: the chosen name |
/// | `to` | RNTO: the new name |
/// | `code` | the code of the final reply |
/// | `reason` | the text of the reply, if the command was refused |
/// | `unsent` | `true` if the connection ended before the reply could be sent |
/// | `bytes`, `seconds` | payload and duration of a transfer that has begun |
/// | `for_operator` | `true` if the operator can remove the cause: full disk, quota, rights, I/O error |
/// | `left_out` | suppressed records: earlier refusals of this session above the rate limit |
///
/// Syntax errors, commands before a login and failed logins are not refusals. A right that the account
/// lacks is a refusal, but not one for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The time of the final reply, in seconds since 1970.
    pub time: i64,
    /// The address and port of the client.
    pub peer: SocketAddr,
    /// The name by which the client has logged in; empty before a login.
    pub account: Box<[u8]>,
    /// The command in capitals; for SITE with the subcommand.
    pub verb: &'static str,
    /// The file, as an absolute path in the account's directory. RNTO: the old name; STOU: the chosen name.
    pub path: Option<VirtualPath>,
    /// RNTO: the new name.
    pub to: Option<VirtualPath>,
    /// The code of the final reply.
    pub code: u16,
    /// The text of the reply, if the command was refused; truncated to 160 bytes.
    pub reason: Box<[u8]>,
    /// The connection ended before the reply could be sent.
    pub unsent: bool,
    /// Payload bytes and duration of a transfer that has begun.
    pub moved: Option<(u64, Duration)>,
    /// Whether the operator can remove the cause: a full disk, a quota, a permission that the server lacks on
    /// this system, an I/O error.
    pub concerns_operator: bool,
    /// Suppressed records: earlier refusals of this session above the rate limit.
    pub left_out: u64,
}

impl AuditRecord {
    /// Logs it: a warning if it is for the operator.
    pub(super) fn log(&self) {
        let level = if self.concerns_operator {
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
        if self.unsent {
            f.write_str(" (not sent)")?;
        }
        if let Some((bytes, took)) = self.moved {
            write!(f, " ({bytes} bytes, {:.3} s)", Seconds(took))?;
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
