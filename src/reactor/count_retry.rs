//! Retrying a command until the files of a quota have been counted.
//!
//! No worker waits for the count: a job that cannot be answered yet comes back ([`JobResult::NotCounted`],
//! [`SliceOutcome::NotCounted`](crate::transfer::SliceOutcome)), rests with the connection and is submitted
//! again every [`COUNT_POLL_INTERVAL`], until the time-out of the count. So a hundred of them cost a
//! hundred short jobs each time.
//!
//! [`JobResult::NotCounted`]: crate::workers::JobResult

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::count_wait::CountWait;
use crate::clock::Instant;
use crate::event_loop::Interest;
use crate::limits::COUNT_POLL_INTERVAL;
use crate::session::{Deadline, SessionEvent};
use crate::storage::Error;
use crate::transfer::Transfer;
use crate::workers::Work;

impl Connection {
    /// A job came back that can be done when the files have been counted.
    pub(super) fn wait_for_count(&mut self, work: Work, context: &mut LoopContext) {
        let until = self.count_deadline(context);
        // A client that has half-closed meanwhile is not waited for.
        if context.now < until && self.phase == Phase::Open {
            self.count_wait = Some(Box::new(CountWait::Resting(until, work)));
            self.deadlines
                .set(Deadline::Resume, context.now + COUNT_POLL_INTERVAL);
            return self.notify(SessionEvent::CountPending, context);
        }
        match work {
            Work::Open(..) => self.opened(Err(Error::NotCounted), context),
            _ => self.notify(
                SessionEvent::StorageAnswered(Err(Error::NotCounted)),
                context,
            ),
        }
    }

    /// An upload has used up its room; there may be more when the files have been counted.
    pub(super) fn pause_for_count(&mut self, mut transfer: Box<Transfer>, context: &LoopContext) {
        let until = self.count_deadline(context);
        if context.now < until {
            self.count_wait = Some(Box::new(CountWait::Asking(until)));
            let left = self.pause_timeout(context);
            self.data().pause(transfer, left);
            self.deadlines
                .set(Deadline::Resume, context.now + COUNT_POLL_INTERVAL);
        } else {
            transfer.stop_waiting();
            self.data().on_loop(transfer, Interest::Now);
        }
    }

    pub(super) fn retry_count(&mut self, context: &mut LoopContext) {
        let job = self.count_wait.as_deref_mut().and_then(CountWait::take_job);
        let Some(work) = job else {
            return;
        };
        self.notify(SessionEvent::CountRetried, context);
        match work {
            Work::Open(plan, _) => self.open_file(plan, context),
            work => self.submit(work, context),
        }
    }

    fn count_deadline(&mut self, context: &LoopContext) -> Instant {
        match self.count_wait.take() {
            Some(wait) => wait.until(),
            None => context.now + context.policy.settings.timings.count,
        }
    }
}
