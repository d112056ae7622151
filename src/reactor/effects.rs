//! A session's orders, carried out first in, first out, until none is left; and the jobs'
//! completions, which answer those that had to wait.
//!
//! What can be answered without waiting is answered here and now: a path that the kernel has
//! in its cache costs no hand-over to a worker.

use std::sync::Arc;

use super::connection::{Connection, Switch};
use super::data::{Link, Motion};
use super::services::Services;
use crate::errand::{Assignment, Errand, Step};
use crate::limits::STAT_LISTING_BYTES;
use crate::session::{Deadline, Ending, Order, Report, Session};
use crate::storage::{Error, Operation, Wait};
use crate::transfer::{Need, Opened, Plan, Source, Transfer, Verdict};
use crate::workers::{Completion, Job, Outcome, Tag, Work};

impl Connection {
    pub(super) fn carry_out_orders(&mut self, services: &mut Services) {
        while let Some(order) = services.orders.pop_front() {
            match order {
                Order::Verify(credentials) => self.verify(credentials, services),
                Order::Vouch(name) => self.vouch(&name, services),
                Order::Secure => self.switch(Switch::Secure, services),
                Order::Clear => self.switch(Switch::Clear, services),
                Order::Listen { for_ipv4 } => self.listen(for_ipv4, services),
                Order::Dial(address) => self.data().relink(Link::Target(address), services),
                Order::Keep => self.keep_link(services),
                Order::HangUp => self.hang_up(services),
                Order::Operate(operation) => self.operate(operation, services),
                Order::Send(assignment) => self.send(assignment, services),
                Order::Describe(path) => self.submit(Work::Entry(path), services),
                Order::List(listing) => {
                    let limit = STAT_LISTING_BYTES;
                    self.submit(Work::Describe { listing, limit }, services);
                }
                Order::Who => services.asks_who = true,
                Order::Open(plan) => self.open_file(plan, services),
                Order::Begin => self.begin(services),
                Order::Cut(ending) => self.cut(ending, services),
                Order::Record(record) => services.records.leave(record, &self.storage),
                Order::Audit(record) => services.records.audit(record),
            }
        }
    }

    /// Takes the result of a job. One that is late, because what it was for is over, is put
    /// away: a transfer's data connection is cut, and its file closed where one may wait.
    pub(super) fn complete(&mut self, completion: Completion, services: &mut Services) {
        if completion.tag.ticket != self.ticket {
            return put_away(completion.outcome, services);
        }
        let outcome = completion.outcome;
        let waits = matches!(
            outcome,
            Outcome::NotCounted(_) | Outcome::Sliced(_, Verdict::NotCounted)
        );
        if !waits {
            self.count_wait = None;
        }
        match outcome {
            Outcome::NotCounted(work) => self.wait_for_count(*work, services),
            Outcome::Verified(verified) => self.went_on(verified, services),
            Outcome::Operated(answer) => self.report(Report::Operated(answer), services),
            Outcome::Errand(errand, step) => self.go_on(errand, step, services),
            Outcome::Entry(entry) => self.report(Report::Entry(entry), services),
            Outcome::Described(lines) => self.report(Report::Described(lines), services),
            Outcome::Opened(opened) => self.opened(opened, services),
            Outcome::Sliced(transfer, verdict) => self.sliced(transfer, verdict, services),
            Outcome::Discarded(kept) => match self.data().motion {
                Motion::Discarding(ending, moved) => self.finish(ending, moved, kept, services),
                _ => self.report(Report::Dropped, services),
            },
            Outcome::Panicked => self.job_panicked(services),
        }
    }

    fn sliced(&mut self, transfer: Box<Transfer>, verdict: Verdict, services: &mut Services) {
        self.let_clock_go_on(services);
        let is_over = matches!(verdict, Verdict::Done | Verdict::Failed(_));
        match self.data().motion {
            // Else it was quicker than whoever wanted to cut it.
            Motion::Recalled(ending) if !is_over => {
                self.data().motion = Motion::Discarding(ending, transfer.moved());
                self.submit(Work::Discard(transfer.cut()), services);
            }
            _ => self.proceed(transfer, verdict, services),
        }
    }

    /// Sends a job on its way; its completion is the one that counts now.
    pub(super) fn submit(&mut self, work: Work, services: &mut Services) {
        self.ticket = self.ticket.wrapping_add(1);
        services.runner.submit(Job {
            tag: self.tag(),
            storage: Arc::clone(&self.storage),
            work,
        });
    }

    /// Of the job that counts now.
    pub(super) const fn tag(&self) -> Tag {
        Tag {
            owner: self.key().to_owner(),
            ticket: self.ticket,
        }
    }

    /// Lets go of everything on the data side; a job that is out is not awaited any more.
    pub(super) fn hang_up(&mut self, services: &mut Services) {
        if self.data.is_some() {
            self.forget_ends(services);
        }
        self.count_wait = None;
        // Left set, it would have the next transfer's clock go on while a worker has that transfer.
        self.deadlines.clear(Deadline::Pace);
        let Some(mut data) = self.data.take() else {
            return;
        };
        data.unlink(services);
        self.ticket = self.ticket.wrapping_add(1);
        match data.motion {
            Motion::Opened(source) | Motion::Begun(source) => services.discard(source),
            Motion::Here(transfer, _)
            | Motion::Resting(transfer, _)
            | Motion::Received(transfer)
            | Motion::Confirming(transfer) => services.discard(transfer.cut()),
            _ => {}
        }
    }

    /// The last of it: what its session still has to say to others, and its data side.
    pub(super) fn depart(&mut self, services: &mut Services) {
        self.converse(services, Session::leave);
        services.forget_orders(&self.storage);
        self.hang_up(services);
    }

    /// An errand comes back after each slice, and goes to the end of the queue again.
    fn go_on(&mut self, errand: Box<Errand>, step: Step, services: &mut Services) {
        match step {
            Step::More if self.session.is_closing() => services.drop_errand(errand),
            Step::More if self.session.has_abandoned() => {
                self.submit(Work::Drop(errand), services);
            }
            Step::More => {
                self.submit(Work::Errand(errand), services);
                self.report(Report::Advanced, services);
            }
            Step::Over(found) => self.report(Report::Found(found), services),
        }
    }

    pub(super) fn report(&mut self, report: Report, services: &mut Services) {
        self.converse(services, |session, cx| session.report(report, cx));
    }

    fn operate(&mut self, operation: Operation, services: &mut Services) {
        match self.storage.perform(&operation, Wait::Never) {
            Err(Error::WouldWait) => self.submit(Work::Operate(operation), services),
            answer => self.report(Report::Operated(answer), services),
        }
    }

    /// What needs much memory is not begun where too much of it goes on already.
    fn send(&mut self, assignment: Assignment, services: &mut Services) {
        let needs_place = assignment.needs_place();
        let place = needs_place.then(|| services.places.take()).flatten();
        if needs_place && place.is_none() {
            return self.report(Report::Found(Err(Error::Busy)), services);
        }
        let errand = Box::new(Errand::new(assignment, place));
        self.submit(Work::Errand(errand), services);
    }

    pub(super) fn open_file(&mut self, plan: Plan, services: &mut Services) {
        if !self.claim_link(services) {
            return;
        }
        let mut place = match plan.need() {
            Need::None => None,
            Need::Wish | Need::Must => services.places.take(),
        };
        if plan.need() == Need::Must && place.is_none() {
            return self.opened(Err(Error::Busy), services);
        }
        match plan.open(&mut place, &self.storage, Wait::Never) {
            Err(Error::WouldWait) => {
                self.data().motion = Motion::Opening;
                self.submit(Work::Open(plan, place), services);
            }
            opened => self.opened(opened, services),
        }
    }

    pub(super) fn opened(
        &mut self,
        opened: crate::storage::Result<(Source, Opened)>,
        services: &mut Services,
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
        self.report(Report::Opened(opened), services);
    }

    /// The 150 is in the outbox: now the data connection may come, or is made.
    fn begin(&mut self, services: &mut Services) {
        let now = services.now;
        let data = self.data();
        data.begun = Some(now);
        match std::mem::take(&mut data.motion) {
            Motion::Opened(source) => data.motion = Motion::Begun(source),
            motion => data.motion = motion,
        }
        match data.link {
            Link::Target(address) => {
                data.link = Link::Absent;
                self.dial(address, services);
            }
            // The listener failed when the client came: there was no descriptor left.
            Link::Absent => self.fail_to_connect(services),
            _ => {}
        }
        self.watch_ends(services);
    }

    /// What the job held is gone with it; so is what it was for.
    fn job_panicked(&mut self, services: &mut Services) {
        log::error!("{}: A job panicked; this is a bug", self.peer);
        let broken = Err(Error::Device);
        match self.data().motion {
            Motion::Idle | Motion::Refused => self.report(Report::Operated(broken), services),
            Motion::Opening => self.opened(Err(Error::Device), services),
            _ => self.finish(Ending::Failed(Error::Device), 0, None, services),
        }
    }
}

/// Whatever a late completion brings back is closed, but not here.
pub(super) fn put_away(outcome: Outcome, services: &mut Services) {
    match outcome {
        Outcome::Opened(Ok((source, _))) => services.discard(source),
        Outcome::Sliced(transfer, _) => services.discard(transfer.cut()),
        Outcome::Errand(errand, Step::More) => services.drop_errand(errand),
        _ => {}
    }
}
