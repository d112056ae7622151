//! Whether the log goes to syslog, and to which socket.
//!
//! Plain data of the configuration; `syslog_socket` sends the lines.

use std::path::{Path, PathBuf};

/// Where local daemons listen.
const USUAL: &str = "/dev/log";

/// The socket of the syslog daemon that the log is sent to; by default, none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Syslog(Option<PathBuf>);

impl Syslog {
    /// To this socket; `None`: `/dev/log`.
    pub fn to(socket: Option<PathBuf>) -> Self {
        Self(Some(socket.unwrap_or_else(|| USUAL.into())))
    }

    /// The path of the socket; `None`: the log goes to standard error.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}
