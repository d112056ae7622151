//! What a connection does once it is logged in: the commands that are due, and the replies to them.
//!
//! It owns the times of the commands that are not answered; jobs with files are [`Files`]'s. It must not know
//! how bytes are read and written.

use std::collections::VecDeque;

use super::bounds::Bounds;
use super::client::{Refusal, ServerReply};
use super::files::Files;
use super::pacing::Schedule;
use super::shared::Shared;
use super::trouble::Trouble;
use crate::clock::Instant;
use crate::event_loop::Readiness;

const NOOP: &[u8] = b"NOOP\r\n";

/// What a connection does once it is logged in.
pub(super) enum Work {
    /// Nothing.
    Idle,
    /// A command for each reply, so many ahead.
    Closed { depth: usize },
    /// Commands at their times, at most so many at once.
    Open { schedule: Schedule, depth: usize },
    /// It leaves; its time is that of the login.
    Login,
    /// It leaves; its time is that of the TLS handshake.
    Handshake(Sessions),
    /// Files and lists.
    Files(Box<Files>),
}

/// What a TLS handshake is to be measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sessions {
    /// A session of its own.
    New,
    /// The session of an earlier connection.
    Resumed,
    /// Nothing: there are no earlier connections.
    First,
}

/// The work of a connection, as far as it has come.
pub(super) struct Tasks {
    pub(super) work: Work,
    /// Where its times are counted.
    pub(super) row: usize,
    /// When the commands began that are not answered, or should have begun.
    unanswered: VecDeque<Instant>,
}

/// What the server has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: there is no work left.
    Leave,
    /// Nothing is due.
    Idle,
    /// What was due before.
    Same,
    /// Something new: its time begins.
    More,
}

impl Tasks {
    pub(super) const fn new(work: Work, row: usize) -> Self {
        Self {
            work,
            row,
            unanswered: VecDeque::new(),
        }
    }

    /// When it has something to send.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.work {
            Work::Open { schedule, depth } if self.unanswered.len() < *depth => {
                Some(schedule.due())
            }
            _ => None,
        }
    }

    /// A transfer has something to do.
    pub(super) fn wants_turn(&self) -> bool {
        matches!(&self.work, Work::Files(files) if files.wants_turn())
    }

    /// The files that others fetch are not there yet.
    pub(super) const fn is_preparing(&self) -> bool {
        matches!(&self.work, Work::Files(files) if files.is_preparing())
    }

    /// An event of a socket that is not the control connection's.
    pub(super) fn set_ready(&mut self, role: usize, readiness: Readiness) {
        if let Work::Files(files) = &mut self.work
            && let Some(transfer) = files.transfer_mut()
        {
            transfer.set_ready(role, readiness);
        }
    }

    /// The reply to the oldest command, or to that of a job.
    pub(super) fn reply(
        &mut self,
        reply: &ServerReply<'_>,
        now: Instant,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<Next, Trouble> {
        if let Work::Files(files) = &mut self.work {
            files.reply(reply, now, shared, out)?;
            // An announcement is nothing done: a server that repeats it would never be late.
            return Ok(if reply.class() == 1 {
                Next::Same
            } else {
                Next::More
            });
        }
        let Some(began) = self.unanswered.pop_front() else {
            return Err(Trouble::Unasked(reply.shown()));
        };
        if reply.class() == 2 {
            shared.answered(self.row, began, now);
        } else {
            shared.failed(&Trouble::Refused(Refusal::of("NOOP", reply)));
        }
        Ok(if self.unanswered.is_empty() {
            Next::Idle
        } else {
            Next::More
        })
    }

    /// Appends the commands that are due, and goes on with a transfer.
    pub(super) fn go_on(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<Next, Trouble> {
        let before = self.unanswered.len();
        match &mut self.work {
            Work::Idle | Work::Login | Work::Handshake(_) => {}
            Work::Files(files) => return go_on_with_files(files, now, shared, out),
            Work::Closed { depth } => {
                while self.unanswered.len() < *depth && shared.admits(now, self.row) {
                    self.unanswered.push_back(now);
                    out.extend_from_slice(NOOP);
                }
            }
            Work::Open { schedule, depth } => {
                while self.unanswered.len() < *depth && schedule.due() <= now {
                    let due = schedule.due();
                    if !shared.admits(due, self.row) {
                        break;
                    }
                    self.unanswered.push_back(due);
                    out.extend_from_slice(NOOP);
                    schedule.advance();
                }
            }
        }
        Ok(match (before, self.unanswered.len()) {
            (_, 0) if self.is_over(shared, now) => Next::Leave,
            (0, 1..) => Next::More,
            _ => Next::Same,
        })
    }

    /// A schedule may have commands that should have been sent before the end.
    fn is_over(&self, shared: &Shared, now: Instant) -> bool {
        let is_late = match (&self.work, shared.bounds.end()) {
            (Work::Open { schedule, .. }, Some(end)) => schedule.due() < end,
            _ => false,
        };
        shared.bounds.are_over(now) && !is_late
    }

    /// The files that it leaves behind if it is lost now.
    pub(super) fn leftovers(&self) -> Vec<Vec<u8>> {
        match &self.work {
            Work::Files(files) => files.leftovers(),
            _ => Vec::new(),
        }
    }

    /// What the server did not do in time.
    pub(super) fn awaited(&self) -> &'static str {
        match &self.work {
            Work::Files(files) => files.awaited(),
            _ => "answer a NOOP",
        }
    }

    /// How many measured commands and jobs are not done.
    pub(super) fn unanswered(&self, bounds: &Bounds) -> usize {
        let measured = |began: &&Instant| bounds.measures(**began);
        let job = match &self.work {
            Work::Files(files) => usize::from(files.is_unfinished(bounds)),
            _ => 0,
        };
        self.unanswered.iter().filter(measured).count() + job
    }
}

fn go_on_with_files(
    files: &mut Files,
    now: Instant,
    shared: &mut Shared,
    out: &mut Vec<u8>,
) -> Result<Next, Trouble> {
    let was_busy = files.is_busy();
    let has_moved = files.turn(now, shared)?;
    if !files.is_busy() {
        if shared.bounds.are_over(now) {
            files.clean();
        }
        files.begin(now, shared, out)?;
    }
    Ok(match files.is_busy() {
        _ if files.is_clean() => Next::Leave,
        false => Next::Idle,
        true if has_moved || !was_busy => Next::More,
        true => Next::Same,
    })
}
