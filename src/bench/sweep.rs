//! The end of a run: what the connections that were lost have left on the server is deleted.
//!
//! It owns no connection; one of the first workload with files is opened for it.

use super::plan::Workload;
use super::run::{Run, Stage};
use super::work::Work;
use crate::clock::Instant;

impl Run<'_> {
    /// Closes the connections that have not ended in time. Returns whether files are left, which another
    /// connection deletes from now on.
    pub(super) fn sweep(&mut self, now: Instant) -> bool {
        for key in self.clients.keys() {
            if let Some(client) = self.clients.remove(key) {
                self.leftovers.extend(client.leftovers());
                let unanswered = client.unanswered(&self.shared.bounds);
                // What a signal has ended is no fault of the server.
                for _ in (0..unanswered).filter(|_| !self.is_stopped) {
                    let sentence =
                        "what began before the end of the run went on too long behind it";
                    let sentence = || sentence.to_owned();
                    self.shared.errors.count("unfinished".to_owned(), sentence);
                }
            }
        }
        self.entering = 0;
        let mut lanes = self.plan.lanes.iter();
        let with_files = lanes.position(|lane| matches!(lane.workload, Workload::Files(..)));
        let Some(lane) = with_files.filter(|_| !self.leftovers.is_empty()) else {
            return false;
        };
        self.stage = Stage::Sweeping(now + self.plan.time_out);
        let leftovers = self.leftovers.clone();
        self.open_for(lane, now, |purpose| {
            if let Work::Files(files) = &mut purpose.work {
                files.sweep(leftovers);
            }
        });
        true
    }
}
