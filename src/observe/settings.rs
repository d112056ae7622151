//! The configuration of the outputs of records: log files, and upload events.
//!
//! Plain data, the same in a build without the Cargo feature `records`, which refuses to start with any of
//! it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// The format of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferLogFormat {
    /// A line of xferlog(5) for each [`TransferRecord`](super::TransferRecord).
    Xferlog,
    /// A JSON object for each [`TransferRecord`](super::TransferRecord).
    Json,
    /// A JSON object for each [`AuditRecord`](super::AuditRecord).
    Audit,
}

/// One log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferLog {
    /// The path; a missing file is created. The user of the server must be able to create files in the
    /// directory, or reopening fails after a rotation.
    pub file: PathBuf,
    /// The format.
    pub format: TransferLogFormat,
}

/// The configuration of upload events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// A program (its absolute path) and its arguments; empty for none. It runs after each upload,
    /// complete or not, without a shell, with these variables: `MIOFTPD_VERB` (STOR, STOU or APPE),
    /// `MIOFTPD_PATH` (as the client sees it), `MIOFTPD_BYTES`, `MIOFTPD_SECONDS`, `MIOFTPD_OUTCOME`
    /// (`complete`, or the reason in one word), `MIOFTPD_ACCOUNT`, `MIOFTPD_PEER`, `MIOFTPD_TLS` (yes or
    /// no); after a complete upload also `MIOFTPD_FILE` (the path on this host) and, with
    /// [`digest`](Self::digest), `MIOFTPD_SHA256`. Clients choose the file names: quote them. The program
    /// runs in a [helper process](crate::Config::helpers), as the user of the server and outside its
    /// sandbox; without a helper it has the rights of the process.
    pub command: Vec<OsString>,
    /// A Unix socket, datagram or stream, that gets a line of JSON for each upload.
    pub socket: Option<PathBuf>,
    /// Whether events have the SHA-256 of the stored file; needs the Cargo feature `digests`. The file
    /// is read again for it, with the content that it has by then.
    pub digest: bool,
    /// The most concurrent programs.
    pub at_once: usize,
    /// The time-out of a program, after which it is killed.
    pub time: Duration,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            socket: None,
            digest: false,
            at_once: limits::EVENT_COMMANDS,
            time: limits::EVENT_COMMAND_TIMEOUT,
        }
    }
}

impl Events {
    /// Whether there is any receiver of events.
    pub const fn is_configured(&self) -> bool {
        !self.command.is_empty() || self.socket.is_some()
    }
}
