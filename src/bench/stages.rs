//! The stages of a run, and the opening of its connections: a few at a time, or spread over a ramp.
//!
//! Commands begin when all connections are there, so that none is measured beside a crowd that is logging in;
//! a workload of logins begins at once.

use std::sync::Arc;

use super::bounds::{Bounds, Length};
use super::client::ClientSession;
use super::connection::{Client, Work};
use super::pacing::Schedule;
use super::plan::{Amount, Workload};
use super::process::Usage;
use super::run::{Run, SECOND, Stage};
use super::target;
use super::trouble::Trouble;
use crate::clock::Instant;
use crate::event_loop::Token;
use crate::net::Registration;

/// Connections that are being opened at once: a listen queue is not endless.
const OPENING: usize = 128;

impl Run<'_> {
    /// The number of connections that there should be by now.
    fn wanted(&self, now: Instant) -> usize {
        let all = self.plan.connections;
        let (time, ramp) = ((now - self.began).as_nanos(), self.plan.ramp.as_nanos());
        if time >= ramp {
            return all;
        }
        let share = all as u128 * time / ramp.max(1);
        usize::try_from(share)
            .unwrap_or(all)
            .saturating_add(1)
            .min(all)
    }

    /// When the next connection may be opened, if that is not now.
    pub(super) fn next_opening(&self) -> Option<Instant> {
        let is_ramping = self.stage == Stage::Filling && self.begun < self.plan.connections;
        is_ramping.then(|| {
            let part = self
                .plan
                .ramp
                .mul_f64(self.begun as f64 / self.plan.connections as f64);
            self.began + part
        })
    }

    pub(super) fn open_some(&mut self, now: Instant) {
        match (self.stage, self.plan.workload) {
            (Stage::Filling, Workload::Login) => {}
            (Stage::Filling, _) => {
                while self.begun < self.wanted(now) && self.entering < OPENING {
                    self.open(now);
                }
            }
            (Stage::Running, Workload::Login) => {
                while self.clients.len() < self.plan.connections && self.entering < OPENING {
                    if !self.shared.bounds.admits(now) {
                        break;
                    }
                    self.open(now);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, now: Instant) {
        let number = self.begun;
        self.begun += 1;
        let work = match self.plan.workload {
            Workload::Login => Work::Login,
            Workload::Idle if number > 0 => Work::Idle,
            Workload::Idle => Work::Closed { depth: 1 },
            // Its schedule begins when all are there.
            Workload::Noop | Workload::Rate(_) => Work::Closed {
                depth: self.plan.depth,
            },
        };
        let key = self.clients.vacant_key();
        let from = target::source(self.address, number % self.plan.connections);
        let network = &mut self.shared.network;
        let connected = network.connect(from, self.address, Token::new(key, 0));
        let connected = connected.and_then(|mut stream| {
            stream.register(Registration::Both)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => {
                let session = ClientSession::new(Arc::clone(&self.login));
                let client = Client::new(stream, session, work, now, self.plan.time_out);
                self.clients.insert(client);
                self.entering += 1;
                self.wake(key);
            }
            Err(error) => self.failed(&Trouble::Connect(error)),
        }
    }

    /// Goes on to the next stage.
    pub(super) fn advance(&mut self, now: Instant) {
        match self.stage {
            Stage::Filling => {
                let is_full = self.begun == self.plan.connections && self.entering == 0;
                if is_full || self.plan.workload == Workload::Login {
                    self.start(now);
                }
            }
            Stage::Running => {
                if self.usage.is_none() && now >= self.from {
                    self.usage = self.plan.pid.and_then(|pid| Usage::of(pid).ok());
                }
                let is_alone = self.clients.is_empty() && self.plan.workload != Workload::Login;
                if is_alone || self.shared.bounds.are_over(now) {
                    self.stage = Stage::Ending(now + self.plan.time_out);
                    self.over = Some(now);
                    for key in self.clients.keys() {
                        self.wake(key);
                    }
                }
            }
            Stage::Ending(_) => {}
        }
    }

    /// All connections are there: the warm-up begins.
    fn start(&mut self, now: Instant) {
        self.stage = Stage::Running;
        self.from = now + self.plan.warm_up;
        let length = match self.plan.amount {
            Amount::Time(time) => Length::Until(self.from + time),
            Amount::Commands(count) => Length::Count(count),
        };
        (self.tick, self.shared.bounds) = (
            self.from + SECOND,
            Bounds::Open {
                from: self.from,
                length,
            },
        );
        let all = self.plan.connections;
        for (number, key) in self.clients.keys().into_iter().enumerate() {
            if let Workload::Rate(rate) = self.plan.workload
                && let Some(client) = self.clients.get_mut(key)
            {
                let place = (number, all);
                let (arrivals, seed) = (self.plan.arrivals, self.plan.seed);
                let schedule = Schedule::new(now, rate, place, arrivals, seed);
                client.set_schedule(schedule, self.plan.depth);
            }
            self.wake(key);
        }
    }
}
