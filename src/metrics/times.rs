//! How long the event loop takes for what it does, and how long it sleeps.
//!
//! It owns the histograms of the loop and the time at which the clock was last read. The loop reads the
//! clock when a poll returns and when a turn ends, and tells it here; nothing else does. It must not know
//! connections.

use std::mem;

use super::histogram::Histogram;
use crate::clock::Instant;

/// Times of one event loop. Those that add up are in nanoseconds.
///
/// Most iterations are one turn, in which one command is received and answered. Its time is that of all
/// three: it is counted once, in `usual`, and added to each of them when they are shown.
#[derive(Debug)]
pub(crate) struct LoopTimes {
    /// When the last poll returned.
    woke: Instant,
    /// When the clock was last read.
    read: Instant,
    /// What this iteration has come to so far.
    iteration: Iteration,
    began: Instant,
    /// In all iterations behind their polls.
    pub(super) awake: u64,
    usual: Histogram,
    iterations: Histogram,
    turns: Histogram,
    /// First turns of the iterations that are in `iterations`: they were not late.
    punctual: u64,
    lags: Histogram,
    services: Histogram,
    pub(super) first_bytes: Histogram,
    pub(super) handshakes: Histogram,
    pub(super) logins: Histogram,
    /// What has ended in this turn: the time is known when the clock is read behind it.
    ended: [Since; 3],
}

/// What an observer wants to see.
pub(super) struct Shown {
    pub(super) services: Histogram,
    pub(super) turns: Histogram,
    pub(super) lags: Histogram,
    pub(super) iterations: Histogram,
}

/// ```text
///   NoTurn ──turn──▶ OneTurn ──turn──▶ ManyTurns
///      │
///      └─turn in which a command is received and answered─▶ OneCommand ──turn──▶ ManyTurns
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Iteration {
    NoTurn,
    /// Its turn is not counted yet.
    OneTurn,
    /// Neither are its turn and its command.
    OneCommand,
    ManyTurns,
}

/// When something began that is being measured; none if nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Since(Option<Instant>);

impl Since {
    /// It begins now.
    pub(crate) const fn at(now: Instant) -> Self {
        Self(Some(now))
    }

    /// When it began.
    pub(crate) const fn began(self) -> Option<Instant> {
        self.0
    }
}

impl LoopTimes {
    /// Of a loop that begins now.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            woke: now,
            read: now,
            iteration: Iteration::NoTurn,
            began: now,
            awake: 0,
            usual: Histogram::default(),
            iterations: Histogram::default(),
            turns: Histogram::default(),
            punctual: 0,
            lags: Histogram::default(),
            services: Histogram::default(),
            first_bytes: Histogram::default(),
            handshakes: Histogram::default(),
            logins: Histogram::default(),
            ended: [Since::default(); 3],
        }
    }

    /// When the last poll returned.
    pub(crate) const fn woke_at(&self) -> Instant {
        self.woke
    }

    /// When the clock was last read: when a turn ended, or the poll.
    pub(crate) const fn read_at(&self) -> Instant {
        self.read
    }

    /// When the turn that is about to end began: when the one before ended, or the poll.
    pub(crate) const fn turning_since(&self) -> Since {
        Since::at(self.read)
    }

    /// A poll has returned. What the iteration before did behind its last turn or other work counts as sleep.
    pub(crate) fn woke(&mut self, now: Instant) {
        let awake = self.read.nanoseconds_since(self.woke);
        if self.iteration == Iteration::OneCommand {
            self.usual.record(awake);
        } else {
            self.count_first_turn();
            self.iterations.record(awake);
        }
        self.iteration = Iteration::NoTurn;
        self.awake += awake;
        (self.woke, self.read) = (now, now);
    }

    /// Counts the only turn of this iteration so far, and its command, each as what it is.
    fn count_first_turn(&mut self) {
        let took = self.read.nanoseconds_since(self.woke);
        match self.iteration {
            Iteration::NoTurn | Iteration::ManyTurns => return,
            Iteration::OneTurn => {}
            Iteration::OneCommand => self.services.record(took),
        }
        self.turns.record(took);
        self.punctual += 1;
    }

    /// A deadline has come so many nanoseconds late.
    pub(crate) fn fired(&mut self, late: u64) {
        self.lags.record(late);
    }

    /// A turn has ended. Some commands of its connection
    /// were executed in it; `is_served` if the replies to all of them are written. The time of a command
    /// begins when its line is complete, and ends when its reply is handed to the kernel: that of a transfer
    /// with the 150.
    #[inline]
    pub(crate) fn turned(
        &mut self,
        clock: impl FnOnce() -> Instant,
        serving: &mut Since,
        executed: u64,
        is_served: bool,
    ) {
        let now = clock();
        if self.iteration == Iteration::NoTurn
            && executed == 1
            && is_served
            && *serving == Since(None)
        {
            self.iteration = Iteration::OneCommand;
            self.read = now;
        } else {
            self.turned_otherwise(now, serving, executed, is_served);
        }
    }

    #[inline(never)]
    fn turned_otherwise(
        &mut self,
        now: Instant,
        serving: &mut Since,
        executed: u64,
        is_served: bool,
    ) {
        self.iteration = if self.iteration == Iteration::NoTurn {
            Iteration::OneTurn
        } else {
            self.count_first_turn();
            self.lags.record(self.read.nanoseconds_since(self.woke));
            self.turns.record(now.nanoseconds_since(self.read));
            Iteration::ManyTurns
        };
        self.read = now;
        self.served(serving, executed, is_served);
        self.record_ended();
    }

    fn record_ended(&mut self) {
        let [first_byte, handshake, login] = mem::take(&mut self.ended);
        for (since, times) in [
            (first_byte, &mut self.first_bytes),
            (handshake, &mut self.handshakes),
            (login, &mut self.logins),
        ] {
            if let Some(since) = since.0 {
                times.record(self.read.nanoseconds_since(since));
            }
        }
    }

    /// The loop has worked until now, behind its turns.
    pub(crate) fn worked(&mut self, now: Instant) {
        self.count_apart();
        self.read = now;
    }

    /// When the command was received that is being executed, or that the connection is still serving.
    pub(crate) fn asked(&self, serving: Since) -> Since {
        Since(serving.0.or(Some(self.woke)))
    }

    /// The first bytes of a transfer are sent, whose command was received then.
    pub(crate) fn first_byte(&mut self, asked: &mut Since) {
        self.count_apart();
        let [first_byte, ..] = &mut self.ended;
        *first_byte = mem::take(asked);
    }

    /// A TLS handshake is complete that began then.
    pub(crate) fn secured(&mut self, securing: &mut Since) {
        self.count_apart();
        let [_, handshake, _] = &mut self.ended;
        *handshake = mem::take(securing);
    }

    /// A client is logged in, whose password was received then.
    pub(crate) fn logged_in(&mut self, asked: Since) {
        self.count_apart();
        let [.., login] = &mut self.ended;
        *login = asked;
    }

    /// The turn that is about to end is no usual one.
    fn count_apart(&mut self) {
        self.count_first_turn();
        self.iteration = Iteration::ManyTurns;
    }

    fn served(&mut self, serving: &mut Since, executed: u64, is_served: bool) {
        let before = serving.0.take();
        let started = executed + u64::from(before.is_some());
        if started == 0 {
            return;
        }
        let since = before.unwrap_or(self.woke);
        if !is_served {
            serving.0 = Some(if started > 1 { self.woke } else { since });
        }
        let finished = started - u64::from(!is_served);
        if finished > 0 {
            let took = self.read.nanoseconds_since(since);
            self.services.record_many(took, finished);
        }
    }

    /// In all polls.
    pub(super) const fn asleep(&self) -> u64 {
        let all = self.read.nanoseconds_since(self.began);
        all.saturating_sub(self.awake)
            .saturating_sub(self.read.nanoseconds_since(self.woke))
    }

    /// The histograms with what was counted once for some of them.
    pub(super) fn shown(&self) -> Shown {
        let mut lags = self.lags.clone();
        lags.record_many(0, self.punctual + self.usual.count());
        Shown {
            services: self.services.with(&self.usual),
            turns: self.turns.with(&self.usual),
            lags,
            iterations: self.iterations.with(&self.usual),
        }
    }
}

#[cfg(test)]
mod tests;
