//! Commands that wait until the files under a quota have been counted.
//!
//! The reactor retries the command from time to time. ABOR and a lost control connection end a transfer
//! between two attempts, but not during one: the worker may have created the file by then, and a client
//! that got no 150 expects none.

use super::{Context, Ending, Progress, Session};

impl Session {
    /// The count is still running. Restarts the idle timer, since the client is not idle.
    pub(super) fn count_pending(&mut self, cx: &mut Context<'_>) {
        self.restart_idle_timer(cx);
        self.progress = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Opening(purpose) => Progress::AwaitingCount(purpose),
            // The permission was revoked during the attempt.
            Progress::OpeningRevoked => return self.opening_revoked(cx),
            other => other,
        };
    }

    pub(super) fn count_retried(&mut self) {
        self.progress = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::AwaitingCount(purpose) => Progress::Opening(purpose),
            other => other,
        };
    }

    /// Ends a transfer that waits between two attempts.
    pub(super) fn abort_count_wait(&mut self, ending: Ending, cx: &mut Context<'_>) {
        if matches!(self.progress, Progress::AwaitingCount(_)) {
            self.progress = Progress::Idle;
            self.hang_up(cx);
            cx.reply(&ending.reply(None));
            self.audit_if_answered(cx);
        }
    }
}
