//! A session's orders, carried out first in, first out, until none is left; and the jobs'
//! completions, which answer those that had to wait.
//!
//! What can be answered without waiting is answered here and now: a path that the kernel has
//! in its cache costs no hand-over to a worker.

use std::sync::Arc;

use super::connection::{Connection, Switch};
use super::context::LoopContext;
use super::data::{Link, Motion};
use crate::file_task::{FileTask, TaskSpec, TaskStep};
use crate::limits::STAT_LISTING_BYTES;
use crate::session::{Action, Deadline, Ending, Session, SessionEvent};
use crate::storage::{Error, Operation, Wait};
use crate::transfer::{Need, Opened, Plan, SliceOutcome, Transfer, TransferSource};
use crate::workers::{Completion, Job, JobId, JobResult, Work};

impl Connection {
    pub(super) fn apply_actions(&mut self, context: &mut LoopContext) {
        while let Some(action) = context.actions.pop_front() {
            match action {
                Action::Verify(credentials) => self.verify(credentials, context),
                Action::Vouch(name) => self.vouch(&name, context),
                Action::Secure => self.switch(Switch::Secure, context),
                Action::Clear => self.switch(Switch::Clear, context),
                Action::Listen { for_ipv4 } => self.listen(for_ipv4, context),
                Action::Dial(address) => self.data().relink(Link::Target(address), context),
                Action::Keep => self.keep_link(context),
                Action::HangUp => self.hang_up(context),
                Action::Operate(operation) => self.operate(operation, context),
                Action::Send(spec) => self.send(spec, context),
                Action::Describe(path) => self.submit(Work::Entry(path), context),
                Action::List(listing) => {
                    let limit = STAT_LISTING_BYTES;
                    self.submit(Work::Describe { listing, limit }, context);
                }
                Action::Who => context.asks_who = true,
                Action::Open(plan) => self.open_file(plan, context),
                Action::Begin => self.begin(context),
                Action::Cut(ending) => self.cut(ending, context),
                Action::Record(record) => context.records.leave(record, &self.storage),
                Action::Audit(record) => context.records.audit(record),
            }
        }
    }

    /// Takes the result of a job. One that is late, because what it was for is over, is put
    /// away: a transfer's data connection is cut, and its file closed where one may wait.
    pub(super) fn complete(&mut self, completion: Completion, context: &mut LoopContext) {
        if completion.id.ticket != self.ticket {
            return put_away(completion.outcome, context);
        }
        let outcome = completion.outcome;
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
            JobResult::Operated(answer) => self.notify(SessionEvent::Operated(answer), context),
            JobResult::FileTask(file_task, step) => self.file_task_step(file_task, step, context),
            JobResult::Entry(entry) => self.notify(SessionEvent::Entry(entry), context),
            JobResult::Described(lines) => self.notify(SessionEvent::Described(lines), context),
            JobResult::Opened(opened) => self.opened(opened, context),
            JobResult::Sliced(transfer, outcome) => self.sliced(transfer, outcome, context),
            JobResult::Discarded(kept) => match self.data().motion {
                Motion::Discarding(ending, moved) => self.finish(ending, moved, kept, context),
                _ => self.notify(SessionEvent::Dropped, context),
            },
            JobResult::Panicked => self.job_panicked(context),
        }
    }

    fn sliced(
        &mut self,
        transfer: Box<Transfer>,
        outcome: SliceOutcome,
        context: &mut LoopContext,
    ) {
        self.let_clock_go_on(context);
        let is_over = matches!(outcome, SliceOutcome::Done | SliceOutcome::Failed(_));
        match self.data().motion {
            // Else it was quicker than whoever wanted to cut it.
            Motion::Recalled(ending) if !is_over => {
                self.data().motion = Motion::Discarding(ending, transfer.moved());
                self.submit(Work::Discard(transfer.cut()), context);
            }
            _ => self.proceed(transfer, outcome, context),
        }
    }

    /// Sends a job on its way; its completion is the one that counts now.
    pub(super) fn submit(&mut self, work: Work, context: &mut LoopContext) {
        self.ticket = self.ticket.wrapping_add(1);
        context.runner.submit(Job {
            id: self.id(),
            storage: Arc::clone(&self.storage),
            work,
        });
    }

    /// Of the job that counts now.
    pub(super) const fn id(&self) -> JobId {
        JobId {
            owner: self.key().to_owner(),
            ticket: self.ticket,
        }
    }

    /// Lets go of everything on the data side; a job that is out is not awaited any more.
    pub(super) fn hang_up(&mut self, context: &mut LoopContext) {
        if self.data.is_some() {
            self.forget_ends(context);
        }
        self.count_wait = None;
        // Left set, it would have the next transfer's clock go on while a worker has that transfer.
        self.deadlines.clear(Deadline::Resume);
        let Some(mut data) = self.data.take() else {
            return;
        };
        data.unlink(context);
        self.ticket = self.ticket.wrapping_add(1);
        match data.motion {
            Motion::Opened(source) | Motion::Begun(source) => context.discard(source),
            Motion::Here(transfer, _)
            | Motion::Resting(transfer, _)
            | Motion::Received(transfer)
            | Motion::Confirming(transfer) => context.discard(transfer.cut()),
            _ => {}
        }
    }

    /// The last of it: what its session still has to say to others, and its data side.
    pub(super) fn depart(&mut self, context: &mut LoopContext) {
        self.converse(context, Session::leave);
        context.drop_actions(&self.storage);
        self.hang_up(context);
    }

    /// An errand comes back after each slice, and goes to the end of the queue again.
    fn file_task_step(
        &mut self,
        file_task: Box<FileTask>,
        step: TaskStep,
        context: &mut LoopContext,
    ) {
        match step {
            TaskStep::More if self.session.is_closing() => context.drop_task(file_task),
            TaskStep::More if self.session.has_abandoned() => {
                self.submit(Work::Drop(file_task), context);
            }
            TaskStep::More => {
                self.submit(Work::FileTask(file_task), context);
                self.notify(SessionEvent::Advanced, context);
            }
            TaskStep::Over(found) => self.notify(SessionEvent::Found(found), context),
        }
    }

    pub(super) fn notify(&mut self, event: SessionEvent, context: &mut LoopContext) {
        self.converse(context, |session, cx| session.handle(event, cx));
    }

    fn operate(&mut self, operation: Operation, context: &mut LoopContext) {
        match self.storage.perform(&operation, Wait::Never) {
            Err(Error::WouldWait) => self.submit(Work::Operate(operation), context),
            answer => self.notify(SessionEvent::Operated(answer), context),
        }
    }

    /// What needs much memory is not begun where too much of it goes on already.
    fn send(&mut self, spec: TaskSpec, context: &mut LoopContext) {
        let needs_permit = spec.needs_permit();
        let permit = needs_permit.then(|| context.permits.take()).flatten();
        if needs_permit && permit.is_none() {
            return self.notify(SessionEvent::Found(Err(Error::Busy)), context);
        }
        let file_task = Box::new(FileTask::new(spec, permit));
        self.submit(Work::FileTask(file_task), context);
    }

    pub(super) fn open_file(&mut self, plan: Plan, context: &mut LoopContext) {
        if !self.claim_link(context) {
            return;
        }
        let mut permit = match plan.need() {
            Need::None => None,
            Need::CliArgs | Need::Must => context.permits.take(),
        };
        if plan.need() == Need::Must && permit.is_none() {
            return self.opened(Err(Error::Busy), context);
        }
        match plan.open(&mut permit, &self.storage, Wait::Never) {
            Err(Error::WouldWait) => {
                self.data().motion = Motion::Opening;
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
                self.data().motion = Motion::Opened(source);
                Ok(opened)
            }
            Err(error) => {
                self.data().motion = Motion::Idle;
                Err(error)
            }
        };
        self.notify(SessionEvent::Opened(opened), context);
    }

    /// The 150 is in the outbox: now the data connection may come, or is made.
    fn begin(&mut self, context: &mut LoopContext) {
        let now = context.now;
        let data = self.data();
        data.begun = Some(now);
        match std::mem::take(&mut data.motion) {
            Motion::Opened(source) => data.motion = Motion::Begun(source),
            motion => data.motion = motion,
        }
        match data.link {
            Link::Target(address) => {
                data.link = Link::Absent;
                self.dial(address, context);
            }
            // The listener failed when the client came: there was no descriptor left.
            Link::Absent => self.fail_to_connect(context),
            _ => {}
        }
        self.watch_ends(context);
    }

    /// What the job held is gone with it; so is what it was for.
    fn job_panicked(&mut self, context: &mut LoopContext) {
        log::error!("{}: A job panicked; this is a bug", self.peer);
        let broken = Err(Error::Device);
        match self.data().motion {
            Motion::Idle | Motion::Refused => self.notify(SessionEvent::Operated(broken), context),
            Motion::Opening => self.opened(Err(Error::Device), context),
            _ => self.finish(Ending::Failed(Error::Device), 0, None, context),
        }
    }
}

/// Whatever a late completion brings back is closed, but not here.
pub(super) fn put_away(outcome: JobResult, context: &mut LoopContext) {
    match outcome {
        JobResult::Opened(Ok((source, _))) => context.discard(source),
        JobResult::Sliced(transfer, _) => context.discard(transfer.cut()),
        JobResult::FileTask(file_task, TaskStep::More) => context.drop_task(file_task),
        _ => {}
    }
}
