//! Replaces `statistics` without the Cargo feature `status`: there is nothing to show.

use super::Reactor;
use crate::limits::MemoryProfile;
use crate::logging::LogLosses;

/// Numbers of what the reactor does not own.
#[derive(Default)]
pub(super) struct Sources(());

#[allow(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    reason = "the surface of what it replaces"
)]
impl Reactor {
    /// Nothing.
    pub fn show_log_losses(&mut self, _: LogLosses) {
        self.sources = Sources(());
    }

    /// Nothing.
    pub const fn show_memory(&mut self, _: MemoryProfile) {}

    /// None.
    pub(super) const fn summary_lines(&self) -> Vec<String> {
        Vec::new()
    }
}
