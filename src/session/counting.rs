//! A command that waits for the files to be counted that a quota is for.
//!
//! It is tried again now and then, by the reactor. A transfer may be given up between two tries, but
//! not during one: what a worker has opened by then might be a file that it has made, and a client that
//! has heard of no 150 expects none.

use super::transfers::ends;
use super::{Context, Ending, Progress, Session};

impl Session {
    /// Nobody is idle meanwhile.
    pub(super) fn not_counted(&mut self, cx: &mut Context<'_>) {
        self.restart_idle_clock(cx);
        self.progress = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Opening(purpose) => Progress::Counting(purpose),
            // It has lost its right while it was tried.
            Progress::Withdrawn => return self.withdrawn(cx),
            other => other,
        };
    }

    pub(super) fn tried_again(&mut self) {
        self.progress = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Counting(purpose) => Progress::Opening(purpose),
            other => other,
        };
    }

    /// A transfer that waits is given up.
    pub(super) fn stop_counting(&mut self, ending: Ending, cx: &mut Context<'_>) {
        if matches!(self.progress, Progress::Counting(_)) {
            self.progress = Progress::Idle;
            self.hang_up(cx);
            cx.reply(&ends(ending));
            self.conclude(cx);
        }
    }
}
