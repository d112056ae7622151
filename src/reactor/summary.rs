//! The summary that SIGUSR1 asks for, and that the program logs when it ends: what the loop has done, and how
//! long it took.

use super::Reactor;
use super::activity::Transfers;

impl Reactor {
    /// Logs it, a line for each kind of thing.
    pub fn log_summary(&self) {
        let activity = self.activity();
        log::info!(
            "{} connections ({} of them open), {} refused, {} commands",
            activity.connections,
            self.connections(),
            activity.refused,
            activity.commands
        );
        for (what, transfers) in [
            ("downloads", activity.downloads),
            ("uploads", activity.uploads),
        ] {
            let Transfers {
                complete,
                cut,
                bytes,
            } = transfers;
            log::info!("{complete} complete {what} and {cut} others, of {bytes} bytes together");
        }
        for line in self.context.times.lines() {
            log::info!("{line}");
        }
    }
}
