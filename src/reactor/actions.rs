//! Applying a session's actions, first in, first out, and taking the results of its jobs.
//!
//! What can be answered without waiting is answered at once: a path that is in the kernel's cache costs no
//! hand-over to a worker.

use std::sync::Arc;

use super::close_reason::CloseReason;
use super::connection::{Connection, Switch};
use super::context::LoopContext;
use super::data::{Link, TransferState};
use super::turn::{Request, TurnResult};
use crate::auth::Verified;
use crate::file_task::{FileTask, TaskSpec, TaskStep};
use crate::limits::STAT_LISTING_BYTES;
use crate::session::{Action, Deadline, Ending, SessionEvent};
use crate::storage::{Error, Operation, Wait};
use crate::transfer::{Need, Opened, Plan, SliceOutcome, Transfer, TransferSource};
use crate::workers::{Completion, JobId, JobResult, Work};

impl Connection {
    /// Applies the queued actions, and those that follow from their results, until none is left. Returns what
    /// only the reactor can do.
    pub(super) fn apply_actions(&mut self, context: &mut LoopContext) -> Option<Request> {
        let mut request = None;
        while let Some(action) = context.scratch.actions.pop_front() {
            context.counts.action(action.name());
            match action {
                Action::Verify(credentials) => self.verify(credentials, context),
                Action::VerifyCertificate(name) => self.vouch(&name, context),
                Action::StartTls => self.switch(Switch::Secure, context),
                Action::EndTls => self.switch(Switch::Clear, context),
                Action::Listen { for_ipv4 } => self.listen(for_ipv4, context),
                Action::SetActiveAddress(address) => self.data().connect_to(address),
                Action::KeepDataConnection => self.keep_link(context),
                Action::CloseDataConnection => self.hang_up(context),
                Action::Operate(operation) => self.operate(operation, context),
                Action::RunFileTask(spec) => self.start_task(spec, context),
                Action::DescribeEntry(path) => self.submit(Work::Entry(path), context),
                Action::List(listing) => {
                    let limit = STAT_LISTING_BYTES;
                    self.submit(Work::Describe { listing, limit }, context);
                }
                Action::ListSessions => request = Some(Request::ListSessions),
                Action::Open(plan) => self.open_file(plan, context),
                Action::Begin => self.begin(context),
                Action::Cut(ending) => self.cut(ending, context),
                Action::Record(record) => context.leave(record, &self.storage),
                Action::Audit(record) => context.io.records.audit(record),
            }
        }
        request
    }

    /// Takes the result of a job. A late one, whose operation is over, is discarded.
    pub(super) fn complete(
        &mut self,
        completion: Completion,
        context: &mut LoopContext,
    ) -> TurnResult {
        let Completion { id, outcome, .. } = completion;
        match outcome {
            JobResult::Handshake(computed) => self.take_back(id, computed, context),
            outcome if id.ticket == self.ticket => {
                self.answered(outcome, context);
                Ok(None)
            }
            late => {
                discard_late(late, context);
                Ok(None)
            }
        }
    }

    fn answered(&mut self, outcome: JobResult, context: &mut LoopContext) {
        let waits = matches!(
            outcome,
            JobResult::NotCounted(_) | JobResult::Sliced(_, SliceOutcome::NotCounted)
        );
        if !waits {
            self.count_wait = None;
        }
        match outcome {
            JobResult::NotCounted(work) => self.wait_for_count(*work, context),
            JobResult::Verified(verified) => self.verification_step(verified, context),
            JobResult::Operated(answer) => {
                self.notify(SessionEvent::StorageAnswered(answer), context);
            }
            JobResult::FileTask(task, step) => self.task_step(task, step, context),
            JobResult::Entry(entry) => self.notify(SessionEvent::Entry(entry), context),
            JobResult::Described(lines) => self.notify(SessionEvent::ListingMade(lines), context),
            JobResult::Opened(opened) => self.opened(opened, context),
            JobResult::Sliced(transfer, outcome) => self.sliced(transfer, outcome, context),
            JobResult::Discarded(kept) => match self.data().discarded() {
                Some((ending, moved)) => self.finish(ending, moved, kept, context),
                None => self.notify(SessionEvent::TaskDropped, context),
            },
            JobResult::Panicked => self.job_panicked(context),
            JobResult::Handshake(_) => debug_assert!(false, "a step has a ticket of its own"),
        }
    }

    fn sliced(
        &mut self,
        transfer: Box<Transfer>,
        outcome: SliceOutcome,
        context: &mut LoopContext,
    ) {
        self.resume_timeout(context);
        let is_over = matches!(outcome, SliceOutcome::Done | SliceOutcome::Failed(_));
        match self.data().back_from_worker() {
            // A transfer that was over before the cut has ended as it did.
            Some(ending) if !is_over => {
                let moved = transfer.moved();
                self.discard(transfer.cut(), moved, ending, context);
            }
            _ => self.proceed(transfer, outcome, context),
        }
    }

    /// Submits a job. Its completion is the one that is awaited now.
    pub(super) fn submit(&mut self, work: Work, context: &mut LoopContext) {
        let id = self.next_job();
        context.submit(id, Arc::clone(&self.storage), work);
    }

    /// The id of a job whose completion is the one that is awaited now.
    pub(super) const fn next_job(&mut self) -> JobId {
        self.ticket = self.ticket.wrapping_add(1);
        JobId {
            owner: self.key().to_bits(),
            ticket: self.ticket,
        }
    }

    /// Drops the data side. The completion of a job that is out is late from now on.
    pub(super) fn hang_up(&mut self, context: &mut LoopContext) {
        self.count_wait = None;
        // Left set, it would resume the next transfer while a worker has it.
        self.deadlines.clear(Deadline::Resume);
        if self.data.is_some() {
            self.forget_ends(context);
        }
        let Some(mut data) = self.data.take() else {
            return;
        };
        self.ticket = self.ticket.wrapping_add(1);
        data.recall();
        if let Some((source, _)) = data.take_source() {
            context.discard(source);
        }
    }

    /// The connection is being closed: ends its session and drops its data side.
    pub(super) fn depart(&mut self, reason: CloseReason, context: &mut LoopContext) {
        let ending = reason.ending();
        self.converse(context, |session, cx| session.leave(ending, cx));
        context.drop_actions(&self.storage);
        self.hang_up(context);
    }

    /// A file task comes back after each slice, and goes to the end of the queue again.
    fn task_step(&mut self, task: Box<FileTask>, step: TaskStep, context: &mut LoopContext) {
        match step {
            TaskStep::More if self.session.is_closing() => context.drop_task(task),
            TaskStep::More if self.session.has_abandoned() => {
                self.submit(Work::Drop(task), context);
            }
            TaskStep::More => {
                self.submit(Work::FileTask(task), context);
                self.notify(SessionEvent::TaskAdvanced, context);
            }
            TaskStep::Over(found) => self.notify(SessionEvent::TaskFinished(found), context),
        }
    }

    fn operate(&mut self, operation: Operation, context: &mut LoopContext) {
        match self.storage.perform(&operation, Wait::Never) {
            Err(Error::WouldWait) => self.submit(Work::Operate(operation), context),
            answer => self.notify(SessionEvent::StorageAnswered(answer), context),
        }
    }

    /// A task that needs much memory needs a permit.
    fn start_task(&mut self, spec: TaskSpec, context: &mut LoopContext) {
        let needs_permit = spec.needs_permit();
        let permit = needs_permit
            .then(|| context.limiters.permits.try_acquire())
            .flatten();
        if needs_permit && permit.is_none() {
            return self.notify(SessionEvent::TaskFinished(Err(Error::Busy)), context);
        }
        let task = Box::new(FileTask::new(spec, permit));
        self.submit(Work::FileTask(task), context);
    }

    pub(super) fn open_file(&mut self, plan: Plan, context: &mut LoopContext) {
        if !self.claim_link(context) {
            return;
        }
        let mut permit = match plan.need() {
            Need::None => None,
            Need::Optional | Need::Required => context.limiters.permits.try_acquire(),
        };
        if plan.need() == Need::Required && permit.is_none() {
            return self.opened(Err(Error::Busy), context);
        }
        match plan.open(&mut permit, &self.storage, Wait::Never) {
            Err(Error::WouldWait) => {
                self.data().opening();
                self.submit(Work::Open(plan, permit), context);
            }
            opened => self.opened(opened, context),
        }
    }

    pub(super) fn opened(
        &mut self,
        opened: crate::storage::Result<(TransferSource, Opened)>,
        context: &mut LoopContext,
    ) {
        let opened = match opened {
            Ok((source, opened)) => {
                self.data().file_opened(source);
                Ok(opened)
            }
            Err(error) => {
                self.data().end_opening();
                Err(error)
            }
        };
        self.notify(SessionEvent::Opened(opened), context);
    }

    /// The 150 is in the outbox: the data connection may be made.
    fn begin(&mut self, context: &mut LoopContext) {
        let now = context.now;
        let asked = context.times.asked(self.serving);
        match self.data().begin(now, asked) {
            Some(address) => self.dial(address, context),
            // The listener failed when the client connected: out of descriptors.
            None if matches!(self.data().link(), Link::Absent) => self.fail_to_connect(context),
            None => {}
        }
        self.watch_ends(context);
    }

    /// What the job owned is gone with it, and so is its operation.
    fn job_panicked(&mut self, context: &mut LoopContext) {
        log::error!("{}: A job panicked; this is a bug", self.peer());
        if self.session.is_verifying() {
            return self.verification_step(Verified::Rejected, context);
        }
        match self.data().state() {
            TransferState::Idle | TransferState::Refused => {
                self.notify(SessionEvent::StorageAnswered(Err(Error::Device)), context);
            }
            TransferState::Opening => self.opened(Err(Error::Device), context),
            _ => self.finish(Ending::Failed(Error::Device), 0, None, context),
        }
    }
}

/// Closes what a late completion brings back, on a worker.
pub(super) fn discard_late(outcome: JobResult, context: &mut LoopContext) {
    match outcome {
        JobResult::Opened(Ok((source, _))) => context.discard(source),
        JobResult::Sliced(transfer, _) => context.discard(transfer.cut()),
        JobResult::FileTask(task, TaskStep::More) => context.drop_task(task),
        _ => {}
    }
}
