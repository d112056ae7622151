//! A command that waits until the files that a quota is for have been counted.
//!
//! No worker waits: what cannot be answered yet comes back ([`JobResult::NotCounted`],
//! [`SliceOutcome::NotCounted`](crate::transfer::SliceOutcome)), rests on the connection, and is tried again
//! a moment later, until its time is over. So a hundred of them cost a hundred short jobs a moment, and keep
//! no other from its turn.
//!
//! [`JobResult::NotCounted`]: crate::workers::JobResult

use std::time::Instant;

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::Motion;
use crate::limits::COUNT_ASKED;
use crate::session::{Deadline, SessionEvent};
use crate::storage::Error;
use crate::transfer::{Interest, Transfer};
use crate::workers::Work;

/// Until when it waits, and for what.
///
/// ```text
///   None ──not counted──▶ Resting ──a moment──▶ Asking ──not counted──▶ Resting
///                          answered, cut ──▶ None
/// ```
pub(super) enum CountWait {
    /// It is tried again, or a transfer rests that is going to be.
    Asking(Instant),
    /// This is to be tried again.
    Resting(Instant, Work),
}

impl Connection {
    /// A job has come back that can be done when files have been counted.
    pub(super) fn wait_for_count(&mut self, work: Work, context: &mut LoopContext) {
        let until = self.count_time(context);
        // A client that has gone while it was tried is waited for no longer.
        if context.now < until && self.phase == Phase::Open {
            self.count_wait = Some(Box::new(CountWait::Resting(until, work)));
            self.deadlines
                .set(Deadline::Resume, context.now + COUNT_ASKED);
            return self.notify(SessionEvent::NotCounted, context);
        }
        match work {
            Work::Open(..) => self.opened(Err(Error::NotCounted), context),
            _ => self.notify(SessionEvent::Operated(Err(Error::NotCounted)), context),
        }
    }

    /// An upload has come to where there is no room, which there may be when files have been counted.
    pub(super) fn rest_for_count(&mut self, mut transfer: Box<Transfer>, context: &LoopContext) {
        let until = self.count_time(context);
        if context.now < until {
            self.count_wait = Some(Box::new(CountWait::Asking(until)));
            let left = self.hold_clock(context);
            self.data().motion = Motion::Resting(transfer, left);
            self.deadlines
                .set(Deadline::Resume, context.now + COUNT_ASKED);
        } else {
            transfer.stop_waiting();
            self.data().motion = Motion::Here(transfer, Interest::Now);
        }
    }

    /// What rests is tried again.
    pub(super) fn ask_for_count(&mut self, context: &mut LoopContext) {
        let Some(wait) = self.count_wait.as_deref_mut() else {
            return;
        };
        let (CountWait::Asking(until) | CountWait::Resting(until, _)) = *wait;
        let CountWait::Resting(_, work) = std::mem::replace(wait, CountWait::Asking(until)) else {
            return;
        };
        self.notify(SessionEvent::TriedAgain, context);
        match work {
            Work::Open(plan, _) => self.open_file(plan, context),
            work => self.submit(work, context),
        }
    }

    fn count_time(&mut self, context: &LoopContext) -> Instant {
        match self.count_wait.take().as_deref() {
            Some(CountWait::Asking(until) | CountWait::Resting(until, _)) => *until,
            None => context.now + context.settings.timings.count,
        }
    }
}
