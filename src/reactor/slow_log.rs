//! The slow log: a line for each command, turn, iteration and job that takes at least as long as `log.slow`.
//!
//! A line says in which phases the time has passed, and names the client and the command, but no argument.
//! What a slower thing contains has no line of its own. It owns the phases of the commands that wait for a
//! job; without the key nothing is kept, and no clock is read for it.

use std::collections::HashMap;
use std::fmt::Arguments;
use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::LogRateLimiter;
use crate::clock::Instant;
use crate::event_loop::Key;
use crate::limits::SLOW_LOGGED;
use crate::metrics::{Counts, JobKind, JobTimes, LoopTimes, Since};

#[derive(Default)]
pub(super) struct SlowLog {
    limiter: LogRateLimiter,
    /// Commands that are not answered yet.
    commands: HashMap<Key, Command>,
    /// Whether this iteration has a line already.
    has_line: bool,
}

/// A command that is in progress, and the time that it has taken so far.
struct Command {
    verb: &'static str,
    since: Instant,
    before_turn: Duration,
    in_turns: Duration,
    jobs_waited: Duration,
    jobs_ran: Duration,
}

/// A turn that has ended.
pub(super) struct EndedTurn {
    pub(super) key: Key,
    pub(super) peer: SocketAddr,
    pub(super) began: Since,
    /// The number of commands that were executed in it.
    pub(super) executed: u64,
    /// Whether all of the connection are answered.
    pub(super) is_served: bool,
}

impl SlowLog {
    fn log(&mut self, now: Instant, text: Arguments<'_>) {
        self.has_line = true;
        if let Some(left_out) = self.limiter.take(SLOW_LOGGED, now) {
            let more = match left_out {
                0 => String::new(),
                left_out => format!("; {left_out} more were slow since the last line of these"),
            };
            log::warn!("Slow (log.slow): {text}{more}");
        }
    }

    /// A turn has ended, when the clock was last read.
    #[cold]
    pub(super) fn turned(
        &mut self,
        limit: Duration,
        turn: &EndedTurn,
        times: &LoopTimes,
        counts: &Counts,
    ) {
        let Some(began) = turn.began.began() else {
            return;
        };
        let (woke, now, peer) = (times.woke_at(), times.read_at(), turn.peer);
        let took = now - began;
        let before = self.commands.remove(&turn.key);
        let command = before.or_else(|| {
            (turn.executed > 0).then(|| Command {
                verb: counts.last_command(),
                since: woke,
                before_turn: began - woke,
                in_turns: Duration::ZERO,
                jobs_waited: Duration::ZERO,
                jobs_ran: Duration::ZERO,
            })
        });
        if let Some(mut command) = command {
            command.in_turns += took;
            if !turn.is_served {
                self.commands.insert(turn.key, command);
            } else if now - command.since >= limit {
                return self.log_command(&command, peer, now);
            }
        }
        if took >= limit {
            self.log(now, format_args!("{peer}: a turn took {took:.1?}"));
        }
    }

    fn log_command(&mut self, command: &Command, peer: SocketAddr, now: Instant) {
        let phases = [
            (command.before_turn, "before its turn"),
            (command.in_turns, "in turns"),
            (command.jobs_waited, "until a worker had it"),
            (command.jobs_ran, "on workers"),
        ];
        let phases = phases.into_iter().filter(|(took, _)| !took.is_zero());
        let phases: Vec<_> = phases
            .map(|(took, phase)| format!("{took:.1?} {phase}"))
            .collect();
        let (verb, all, phases) = (command.verb, now - command.since, phases.join(", "));
        self.log(now, format_args!("{peer}: {verb} took {all:.1?}: {phases}"));
    }

    /// A job is done; `peer` is the client that it was for, if that is still there.
    #[cold]
    pub(super) fn done(
        &mut self,
        limit: Duration,
        (key, peer): (Key, Option<SocketAddr>),
        times: JobTimes,
        now: Instant,
    ) {
        let (waited, ran) = times.waited_and_ran();
        if let Some(command) = self.commands.get_mut(&key) {
            command.jobs_waited += waited;
            command.jobs_ran += ran;
            return;
        }
        // A worker keeps a transfer for as long as nothing else waits.
        let is_transfer = times.kind() == JobKind::Slice;
        if waited < limit && (is_transfer || ran < limit) {
            return;
        }
        let peer = peer.map_or_else(String::new, |peer| format!("{peer}: "));
        let kind = times.kind().name();
        let text =
            format_args!("{peer}a job ({kind}) waited {waited:.1?} for a worker and ran {ran:.1?}");
        self.log(now, text);
    }

    /// An iteration is over.
    #[cold]
    pub(super) fn iterated(&mut self, limit: Duration, times: &LoopTimes, now: Instant) {
        let took = now - times.woke_at();
        if took >= limit && !self.has_line {
            let text = format_args!("an iteration of the event loop took {took:.1?}");
            self.log(now, text);
        }
        self.has_line = false;
    }

    /// The connection is closed.
    pub(super) fn forget(&mut self, key: Key) {
        self.commands.remove(&key);
    }
}
