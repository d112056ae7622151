//! A client of files: its jobs one after the other, and the files that it leaves behind and deletes.
//!
//! It owns the job that goes on, and knows which files it has put on the server. Replies and turns come from
//! the connection; the bytes are the [`Transfer`]'s.

use std::sync::Arc;

use super::bounds::Bounds;
use super::client::{DataMode, Refusal, Request, ServerReply, send};
use super::content::{Check, Content, Depth};
use super::file_plan::{FilePlan, Seat};
use super::jobs::{Job, Script, Source};
use super::random::Random;
use super::shared::Shared;
use super::transfer::{Outcome, Payload, Place, Transfer};
use super::trouble::Trouble;
use crate::clock::Instant;

/// A file of so many appended bytes is deleted: a disk is not endless.
const APPENDED: u64 = 256 * 1024 * 1024;

/// ```text
///   Preparing ──the shared file is there──▶ Working ──no more work──▶ Cleaning ──all deleted──▶ Clean
///      (the keeper of the shared file only)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Preparing,
    Working,
    Cleaning,
    Clean,
}

/// A job that goes on.
struct Running {
    job: Job,
    /// Where its times are counted; `None`: nowhere.
    row: Option<usize>,
    began: Instant,
    transfer: Option<Transfer>,
}

/// A client's jobs.
pub(super) struct Files {
    plan: Arc<FilePlan>,
    script: Arc<Script>,
    place: Place,
    stage: Stage,
    running: Option<Running>,
    mode: DataMode,
    /// The row of the first job.
    row: usize,
    seat: Seat,
    turn: usize,
    random: Random,
    /// How many files of its own it has deleted: the next has another name.
    deleted: usize,
    /// Bytes that were appended to this one.
    appended: u64,
    has_own: bool,
    has_shared: bool,
    /// Files of clients that were lost, to be deleted: some may not be there.
    lost: Vec<Vec<u8>>,
}

impl Files {
    pub(super) fn new(
        plan: &Arc<FilePlan>,
        script: &Arc<Script>,
        place: Place,
        seat: Seat,
        row: usize,
    ) -> Self {
        Self {
            plan: Arc::clone(plan),
            script: Arc::clone(script),
            place,
            stage: if seat.is_keeper {
                Stage::Preparing
            } else {
                Stage::Working
            },
            running: None,
            mode: plan.mode,
            row,
            seat,
            turn: 0,
            random: Random::new(plan.seed, seat.number),
            deleted: 0,
            appended: 0,
            has_own: false,
            has_shared: false,
            lost: Vec::new(),
        }
    }

    /// Has it delete these files of clients that were lost, and nothing else.
    pub(super) fn sweep(&mut self, lost: Vec<Vec<u8>>) {
        self.stage = Stage::Cleaning;
        self.lost = lost;
    }

    /// The files that it leaves behind if it is lost now.
    pub(super) fn leftovers(&self) -> Vec<Vec<u8>> {
        let is_storing = self.running.as_ref().is_some_and(|one| one.job.is_upload());
        let is_preparing = self.is_preparing();
        let own = (self.has_own || is_storing && !is_preparing).then(|| self.own_path());
        let shared =
            (self.has_shared || is_storing && is_preparing).then(|| self.plan.shared_path());
        own.into_iter().chain(shared).collect()
    }

    pub(super) const fn is_preparing(&self) -> bool {
        matches!(self.stage, Stage::Preparing)
    }

    /// Whether the client may leave.
    pub(super) const fn is_clean(&self) -> bool {
        matches!(self.stage, Stage::Clean)
    }

    /// Whether a job goes on.
    pub(super) const fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Whether it is a measured one.
    pub(super) fn is_unfinished(&self, bounds: &Bounds) -> bool {
        let measured = |one: &Running| one.row.is_some() && bounds.measures(one.began);
        self.running.as_ref().is_some_and(measured)
    }

    /// What the server has to do.
    pub(super) fn awaited(&self) -> &'static str {
        match self.running.as_ref().map(|one| one.job) {
            Some(job) if job.is_transfer() => "go on with a transfer",
            _ => "answer",
        }
    }

    pub(super) fn transfer_mut(&mut self) -> Option<&mut Transfer> {
        self.running.as_mut()?.transfer.as_mut()
    }

    pub(super) fn wants_turn(&self) -> bool {
        let transfer = self.running.as_ref().and_then(|one| one.transfer.as_ref());
        transfer.is_some_and(Transfer::wants_turn)
    }

    /// No more work begins: what is left is to delete the files.
    pub(super) const fn clean(&mut self) {
        if !self.is_clean() {
            self.stage = Stage::Cleaning;
        }
    }

    /// Begins the next job, if none goes on and one is due.
    ///
    /// # Errors
    /// There can be no data connection.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        if self.running.is_some() {
            return Ok(());
        }
        match self.stage {
            Stage::Preparing => self.start(Job::Stor, None, now, shared, out),
            // Not measured: the next append begins a new file.
            Stage::Working if self.appended >= APPENDED => {
                self.appended = 0;
                self.start(Job::Delete, None, now, shared, out)
            }
            Stage::Working if shared.admits(now, self.row) => {
                let random = self.random.next();
                let index = self.script.pick(self.turn, random);
                self.turn += 1;
                let script = Arc::clone(&self.script);
                let Some((job, _)) = script.jobs.get(index) else {
                    return Ok(());
                };
                self.start(*job, Some(self.row + index), now, shared, out)
            }
            Stage::Cleaning if self.has_own || !self.lost.is_empty() => {
                self.start(Job::Delete, None, now, shared, out)
            }
            // The others may still read it.
            Stage::Cleaning if self.has_shared && !shared.is_last => Ok(()),
            Stage::Cleaning if self.has_shared => self.start(Job::Delete, None, now, shared, out),
            Stage::Cleaning => {
                self.stage = Stage::Clean;
                Ok(())
            }
            Stage::Working | Stage::Clean => Ok(()),
        }
    }

    fn start(
        &mut self,
        job: Job,
        row: Option<usize>,
        began: Instant,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let path = self.path(job);
        let mut transfer = None;
        if job.is_transfer() {
            let payload = self.payload(job, &path);
            let request = Request {
                verb: job.verb(),
                path: path.into(),
            };
            let (mode, place) = (self.mode, &self.place);
            transfer = Some(Transfer::begin(request, mode, payload, place, shared, out)?);
        } else {
            send(out, job.verb(), &path);
        }
        self.running = Some(Running {
            job,
            row,
            began,
            transfer,
        });
        Ok(())
    }

    fn payload(&self, job: Job, path: &[u8]) -> Payload {
        let content = Content::new(path, self.plan.size);
        let is_known = job == Job::Retr && self.script.source != Source::Given;
        match job {
            _ if job.is_upload() => Payload::Up(content, 0),
            _ if is_known => {
                let depth = if self.plan.verifies {
                    Depth::Bytes
                } else {
                    Depth::Length
                };
                Payload::Down(Some(Check::new(content, depth)), 0)
            }
            _ => Payload::Down(None, 0),
        }
    }

    fn path(&self, job: Job) -> Vec<u8> {
        match job {
            Job::Noop => Vec::new(),
            Job::List | Job::Mlsd => self.plan.path.clone(),
            Job::Retr => match self.script.source {
                Source::Given => self.plan.path.clone(),
                Source::Shared => self.plan.shared_path(),
                Source::Own => self.own_path(),
            },
            Job::Stor if self.stage == Stage::Preparing => self.plan.shared_path(),
            Job::Delete if !self.has_own && self.has_shared => self.plan.shared_path(),
            Job::Delete if !self.lost.is_empty() => self.lost.last().cloned().unwrap_or_default(),
            Job::Stor | Job::Append | Job::Delete => self.own_path(),
        }
    }

    fn own_path(&self) -> Vec<u8> {
        self.plan.own_path(self.seat, self.deleted)
    }

    /// A reply has come.
    ///
    /// # Errors
    /// The connection is of no use.
    pub(super) fn reply(
        &mut self,
        reply: &ServerReply<'_>,
        now: Instant,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let Some(running) = &mut self.running else {
            return Err(Trouble::Unasked(reply.shown()));
        };
        let job = running.job;
        let taken = match &mut running.transfer {
            Some(transfer) => transfer.reply(reply, &self.place, shared, out),
            None if reply.class() == 2 => {
                self.done(now, shared);
                return Ok(());
            }
            None => Err(Trouble::Refused(Refusal::of(job.verb(), reply))),
        };
        match taken {
            // The next job may be taken.
            Err(trouble @ Trouble::Refused(_)) if !self.is_preparing() => {
                if self.lost.is_empty() {
                    shared.failed(&trouble);
                }
                self.forget(job);
                self.running = None;
                Ok(())
            }
            Err(trouble) => Err(trouble),
            Ok(()) => {
                if job.is_upload() && reply.class() == 1 {
                    self.remember();
                }
                self.end_if_over(now, shared);
                Ok(())
            }
        }
    }

    /// Goes on with a transfer. Returns whether bytes have moved.
    ///
    /// # Errors
    /// There is no data connection.
    pub(super) fn turn(&mut self, now: Instant, shared: &mut Shared) -> Result<bool, Trouble> {
        let Some(running) = &mut self.running else {
            return Ok(false);
        };
        let Some(transfer) = &mut running.transfer else {
            return Ok(false);
        };
        let moved = transfer.turn(&self.place, shared)?;
        // The time of the end is that behind the last bytes.
        let now = if moved > 0 { shared.network.now() } else { now };
        if let Some(row) = running.row {
            match transfer.payload() {
                Payload::Up(..) => shared.sent(row, moved, now),
                Payload::Down(..) => shared.received(row, moved, now),
            }
        }
        self.end_if_over(now, shared);
        Ok(moved > 0)
    }

    fn end_if_over(&mut self, now: Instant, shared: &mut Shared) {
        let transfer = self.running.as_ref().and_then(|one| one.transfer.as_ref());
        match transfer.map(Transfer::outcome) {
            Some(Outcome::Complete) => self.done(now, shared),
            Some(Outcome::Spoiled) => self.running = None,
            Some(Outcome::Open | Outcome::Differs(_) | Outcome::Broken) | None => {}
        }
    }

    /// The job has succeeded.
    fn done(&mut self, now: Instant, shared: &mut Shared) {
        let Some(running) = self.running.take() else {
            return;
        };
        if let Some(transfer) = &running.transfer {
            self.mode = transfer.mode();
        }
        if let Some(row) = running.row {
            shared.answered(row, running.began, now);
        }
        if running.job.is_upload() {
            self.remember();
        }
        if running.job == Job::Append {
            self.appended += self.plan.size;
        }
        self.forget(running.job);
        if self.is_preparing() {
            self.stage = Stage::Working;
        }
    }

    /// A file is on the server.
    const fn remember(&mut self) {
        match self.stage {
            Stage::Preparing => self.has_shared = true,
            _ => self.has_own = true,
        }
    }

    /// A file was deleted, or cannot be.
    fn forget(&mut self, job: Job) {
        if job != Job::Delete || self.lost.pop().is_some() {
            return;
        }
        if self.has_own {
            self.has_own = false;
            self.deleted += 1;
        } else {
            self.has_shared = false;
        }
    }
}
