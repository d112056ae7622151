//! Replaces `syslog_socket` without the Cargo feature `daemon`: the log goes to standard error.

use std::path::Path;

use log::Level;

/// Sends nothing: without the feature no configuration asks for syslog.
pub(super) struct SyslogSocket;

impl SyslogSocket {
    pub(super) const fn new(_: &Path) -> Self {
        Self
    }

    #[allow(
        clippy::needless_pass_by_ref_mut,
        clippy::unused_self,
        reason = "as the real one"
    )]
    pub(super) const fn print(&mut self, _: Level, _: &str) {}
}
