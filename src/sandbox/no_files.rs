//! What stands for Landlock in a build without the Cargo feature `sandbox`: nothing is confined,
//! and the report says so.

use super::Plan;

/// No fence.
pub(super) struct Fence;

impl Fence {
    /// Opens nothing.
    pub(super) fn around(_plan: &Plan) -> Self {
        Self
    }

    /// Nothing was looked for.
    #[allow(clippy::unused_self, reason = "it stands for one that has something")]
    pub(super) fn unreachable(&self) -> Vec<String> {
        Vec::new()
    }

    /// Nothing happens.
    #[allow(clippy::unused_self, reason = "it stands for one that does something")]
    pub(super) fn close(self) -> Result<String, String> {
        Err("this build has no Landlock: its Cargo feature `sandbox` is off".to_owned())
    }
}
