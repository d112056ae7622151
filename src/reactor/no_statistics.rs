//! Replaces `statistics` without the Cargo feature `status`: there is nothing to show.

use super::Reactor;

impl Reactor {
    /// None.
    #[allow(clippy::unused_self, reason = "the surface of what it replaces")]
    pub(super) const fn summary_lines(&self) -> Vec<String> {
        Vec::new()
    }
}
