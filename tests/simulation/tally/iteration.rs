//! Checks each iteration of the loop for a cause and an effect.
//!
//! An iteration without a cause is a slow busy loop; a deadline that expires without effect was superfluous.

use mioftpd::internals::limits::COMMANDS_PER_TURN;
use mioftpd::internals::reactor::Reactor;
use mioftpd::{Activity, Deadline};

use super::{Iteration, Tally, WakeReason};
use crate::rng::Odds;
use crate::run::Simulation;
use crate::world::{ConnectionId, World};

/// Deadlines that must have an observable effect.
const FELT: [Deadline; 6] = [
    Deadline::Arrival,
    Deadline::DataConnect,
    Deadline::Resume,
    Deadline::ReplyStall,
    Deadline::Handshake,
    Deadline::Linger,
];

/// Stale timers allowed beside two for each connection, by `reactor/timers.rs`.
const TIMER_SLACK: usize = 64;

impl Simulation {
    /// Checks an iteration at its end.
    pub(crate) fn check_iteration(&self, reactor: &Reactor) {
        let mut world = self.world.lock();
        let (now, activity) = (world.tally.now, *reactor.activity());
        let before = std::mem::replace(&mut world.tally.activity, activity);
        let connections = world.tally.connections;
        world.tally.connections = reactor.connections();
        let done = Done::between(&before, &activity);
        world.tally.now.commands = done.commands;
        world.progress += done.commands + done.expired;
        // The end of a rate limiter's pause justifies another attempt, for any transfer.
        let portions = activity.expired(Deadline::Resume) - before.expired(Deadline::Resume);
        let rests = portions > 0;
        let gives_up = activity.expired(Deadline::Arrival) > before.expired(Deadline::Arrival);
        if rests {
            let open = world.tally.data.values_mut();
            open.for_each(|connection| connection.tries += portions as u32);
        }
        let violations = [
            fruitless_deadline(&now, &before, &activity)
                .filter(|_| !(self.is_on_worker() || rests && self.waits_for_count(&world)))
                .filter(|_| !(gives_up && world.tally.has_unread_replies())),
            fruitless_iteration(&now, &done)
                .filter(|_| !world.tally.is_unseen(reactor.is_stopping())),
            too_many_commands(&done),
            too_many_timers(&activity, connections),
            self.waits_for_nothing(reactor),
        ];
        for violation in violations.into_iter().flatten() {
            world.violate(violation);
        }
        world.check_latest(self.jobs.lock().outstanding(), done.completions > 0);
    }

    /// The transfer of a departed client may be on a worker at its time-out: it is cut when it returns, and
    /// until then no effect is visible.
    fn is_on_worker(&self) -> bool {
        self.jobs.lock().outstanding() > 0
    }

    /// An upload that waited for the usage count may already have used its rate.
    fn waits_for_count(&self, world: &World) -> bool {
        self.config.fault_plan.uncounted != Odds(0) && !world.tally.data.is_empty()
    }

    /// A stop ends when nothing is left.
    fn waits_for_nothing(&self, reactor: &Reactor) -> Option<String> {
        let is_empty = reactor.connections() == 0 && self.jobs.lock().outstanding() == 0;
        (reactor.is_stopping() && reactor.is_running() && is_empty)
            .then(|| "the server does not stop, though nothing is left".to_owned())
    }
}

/// Work of an iteration, by the server's own counters.
#[derive(Debug)]
struct Done {
    control_turns: u64,
    commands: u64,
    completions: u64,
    expired: u64,
    early: u64,
    ports_reviewed: u64,
}

impl Done {
    fn between(before: &Activity, after: &Activity) -> Self {
        let expired = |activity: &Activity| Deadline::ALL.map(|one| activity.expired(one));
        Self {
            control_turns: after.control_turns - before.control_turns,
            commands: after.commands - before.commands,
            completions: after.completions - before.completions,
            expired: expired(after).iter().sum::<u64>() - expired(before).iter().sum::<u64>(),
            early: after.early - before.early,
            ports_reviewed: after.ports_reviewed - before.ports_reviewed,
        }
    }
}

/// A deadline must be cleared when its purpose ends; a stale one expires without effect. Session deadlines
/// may find no room for their reply, and then have none either; so may the end of a wait for a passive port.
fn fruitless_deadline(now: &Iteration, before: &Activity, after: &Activity) -> Option<String> {
    let expired = |one: &&Deadline| after.expired(**one) > before.expired(**one);
    let deadline = FELT.iter().find(expired)?;
    (now.effects == 0).then(|| format!("{deadline:?} expired without effect"))
}

impl Tally {
    /// A client does not read, so a reply to it may be without a visible effect.
    fn has_unread_replies(&self) -> bool {
        let mut controls = self.controls.values();
        controls.any(|control| control.blocked_since.is_some())
    }

    /// An iteration without an observable effect.
    fn is_unseen(&mut self, is_stopping: bool) -> bool {
        if self.now.was_busy {
            self.was_queued_fruitlessly() || self.is_review()
        } else {
            is_stopping && self.is_next_stage()
        }
    }

    /// A stop advances by time-out, in three stages, if only a hanging job is left.
    const fn is_next_stage(&mut self) -> bool {
        self.stages += 1;
        self.stages <= 3
    }

    /// A queued connection may have nothing to do in its turn: it was closed later in the same pass, its
    /// transfer is rate-limited, or it switched to TLS, so that the bytes belong to the handshake.
    const fn was_queued_fruitlessly(&self) -> bool {
        let last = &self.last;
        last.has_closed
            || last.moved_data
            || (self.has_tls && (last.effects > 0 || last.commands > 0))
    }

    /// After a reload, each iteration reviews some sessions.
    const fn is_review(&mut self) -> bool {
        let is_review = self.reviews > 0;
        self.reviews = self.reviews.saturating_sub(1);
        is_review
    }
}

fn fruitless_iteration(now: &Iteration, done: &Done) -> Option<String> {
    let has_cause = now.events > 0
        || matches!(
            now.wake_reason,
            Some(WakeReason::Spurious | WakeReason::Over)
        );
    let counts = [
        done.commands,
        done.completions,
        done.expired,
        done.ports_reviewed,
    ];
    let has_done = now.effects > 0 || counts.iter().any(|count| *count > 0);
    let is_early = done.early > 0;
    (!has_cause && !has_done && !is_early)
        .then(|| format!("a fruitless iteration: {done:?}, {now:?}"))
}

/// Commands read, and as many again that are handled during a transfer.
fn too_many_commands(done: &Done) -> Option<String> {
    let most = done.control_turns * 2 * COMMANDS_PER_TURN as u64;
    (done.commands > most).then(|| {
        format!(
            "{} commands were executed in {} turns",
            done.commands, done.control_turns
        )
    })
}

/// Counted at the sweep, before this iteration closes or accepts anything.
fn too_many_timers(activity: &Activity, connections: usize) -> Option<String> {
    let timers = activity.timers;
    (timers > 2 * connections + TIMER_SLACK)
        .then(|| format!("{timers} timers are set for {connections} connections"))
}

impl World {
    /// In an iteration commands are read before transfer data moves, except on connections just accepted.
    /// Over TLS, a data connection may send its alert while control connections are in a handshake.
    pub(super) fn read_behind_data(&mut self, id: ConnectionId) {
        let control = self.tally.controls.get(&id);
        let is_ended = control.is_none_or(|control| control.shut.is_some());
        let is_new = control.is_some_and(|control| control.accepted == self.now);
        if !self.tally.has_tls && !is_ended && !is_new {
            self.violate(format!(
                "connection {id}: commands are read behind a transfer's bytes"
            ));
        }
    }
}
