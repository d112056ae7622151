//! The summary that SIGUSR1 asks for, and that the program logs when it ends: what the loop has done, and how
//! long it took.

use super::Reactor;

impl Reactor {
    /// Logs it, a line for each kind of thing.
    pub fn log_summary(&self) {
        let activity = self.activity();
        log::info!(
            "Connections: {} ({} of them open), commands: {}",
            activity.connections,
            self.connections(),
            activity.commands
        );
        for line in self.summary_lines() {
            log::info!("{line}");
        }
    }
}
