//! What a session is doing, for SITE WHO and the status service.
//!
//! It only reads the session's state.

use std::time::Duration;

use super::transfers::RunningTransfer;
use super::{Deadline, Deadlines, Progress, Session, Settings};
use crate::clock::Instant;
use crate::observe::Verb;
use crate::protocol::path::VirtualPath;

/// What a session is doing.
#[derive(Debug, PartialEq, Eq)]
pub struct Overview<'a> {
    /// In a word or two.
    pub word: &'static str,
    /// The command in progress.
    pub command: Option<&'static str>,
    /// The transfer in progress.
    pub transfer: Option<TransferOverview<'a>>,
}

/// How far a transfer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferOverview<'a> {
    /// The command and the file; `None` for a listing.
    pub file: Option<(Verb, &'a VirtualPath)>,
    /// Bytes so far.
    pub bytes: u64,
    /// The time since the data connection was made.
    pub lasted: Duration,
    /// The bytes to send, if their number is known.
    pub size: Option<u64>,
}

impl Session {
    /// The line of this session in SITE WHO: client address, account, activity.
    pub fn summary(&self) -> String {
        format!("{} {} {}", self.peer, self.login, self.word())
    }

    const fn word(&self) -> &'static str {
        match &self.progress {
            Progress::Idle => "idle",
            Progress::Switching(_) => "securing",
            Progress::Verifying(_) | Progress::LoginDelayed(_) | Progress::Throttled => {
                "logging in"
            }
            Progress::AwaitingPort(_)
            | Progress::AwaitingAnswer(_)
            | Progress::Opening(_)
            | Progress::AwaitingCount(_)
            | Progress::OpeningRevoked => "busy",
            Progress::Transferring(_) => "transferring",
            Progress::Closing => "leaving",
        }
    }

    /// What it is doing at `now`.
    pub fn overview(&self, now: Instant) -> Overview<'_> {
        Overview {
            word: self.word(),
            command: self.audit.command().map(|command| command.row().name),
            transfer: match &self.progress {
                Progress::Transferring(transfer) => Some(transfer.overview(now)),
                _ => None,
            },
        }
    }

    /// The time since the last command of a session that waits for the next one.
    pub fn idle_for(
        &self,
        deadlines: &Deadlines,
        settings: &Settings,
        now: Instant,
    ) -> Option<Duration> {
        let time_out = self.idle.unwrap_or(settings.timings.idle);
        let left = deadlines.get(Deadline::Idle)? - now;
        Some(time_out.saturating_sub(left))
    }
}

impl RunningTransfer {
    fn overview(&self, now: Instant) -> TransferOverview<'_> {
        TransferOverview {
            file: self.purpose.file(),
            bytes: self.phase.moved(),
            lasted: self.phase.elapsed(now),
            size: self.size.map(Into::into),
        }
    }
}
