//! Stand-in for `files` (Landlock) in a build without the Cargo feature `sandbox`: no path is
//! restricted, and the report says so.

use super::SandboxPlan;

pub(super) struct PathRules;

impl PathRules {
    pub(super) fn of(_plan: &SandboxPlan) -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "the same interface as in `files`")]
    pub(super) fn unreachable(&self) -> Vec<String> {
        Vec::new()
    }

    #[allow(clippy::unused_self, reason = "the same interface as in `files`")]
    pub(super) fn enforce(self) -> Result<String, String> {
        Err("this build has no Landlock: its Cargo feature `sandbox` is off".to_owned())
    }
}
