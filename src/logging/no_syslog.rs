//! Replaces `syslog` without the Cargo feature `daemon`: the log goes to standard error.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use log::Level;

/// Where the log is sent to: nowhere, in this build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syslog;

impl Syslog {
    /// Not to this socket, in this build.
    pub fn to(_: Option<PathBuf>) -> Self {
        Self
    }

    /// `None`: the log goes to standard error.
    pub const fn path(&self) -> Option<&Path> {
        None
    }

    /// Whether the log goes to syslog.
    pub const fn is_on(&self) -> bool {
        false
    }

    pub(super) const fn socket(&self) -> Option<SyslogSocket> {
        None
    }
}

/// Cannot be made.
pub(super) struct SyslogSocket(Infallible);

impl SyslogSocket {
    pub(super) const fn print(&mut self, _: Level, _: &str) {
        match self.0 {}
    }
}
