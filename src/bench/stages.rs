//! The stages of a run, and the opening of its connections: a few at a time, or spread over a ramp.
//!
//! Commands begin when all connections are there, so that none is measured beside a crowd that is logging in;
//! a workload of logins begins at once.

use std::net::SocketAddr;
use std::sync::Arc;

use super::bounds::{Bounds, Length};
use super::client::ClientSession;
use super::connection::{Client, Purpose};
use super::file_plan::Seat;
use super::files::Files;
use super::link::Link;
use super::pacing::Schedule;
use super::plan::{Amount, Workload};
use super::process::Usage;
use super::run::{Run, SECOND, Stage};
use super::target;
use super::tls::ClientTls;
use super::transfer::Place;
use super::trouble::Trouble;
use super::work::{Sessions, Work};
use crate::clock::Instant;
use crate::event_loop::{Key, Token};
use crate::net::Registration;

/// Connections that are being opened at once: a listen queue is not endless.
const OPENING: usize = 128;

impl Run<'_> {
    /// How many connections there are when a run begins.
    fn filled(&self) -> usize {
        let lanes = self.plan.lanes.iter();
        let lasting = lanes.filter(|lane| !lane.workload.reconnects());
        lasting.map(|lane| lane.connections).sum()
    }

    /// The number of connections that there should be by now.
    fn wanted(&self, now: Instant) -> usize {
        let all = self.filled();
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

    /// When the next connection may be opened, if nothing has to happen before.
    pub(super) fn next_opening(&self) -> Option<Instant> {
        let all = self.filled();
        match self.stage {
            Stage::Filling if self.begun < all => {
                let part = self.plan.ramp.mul_f64(self.begun as f64 / all as f64);
                Some(self.began + part)
            }
            Stage::Running if self.lacks_connections() => Some(self.began),
            _ => None,
        }
    }

    /// Whether connections that ended have to be made anew.
    fn lacks_connections(&self) -> bool {
        let mut lanes = self.plan.lanes.iter().zip(&self.lanes);
        lanes.any(|(planned, state)| {
            planned.workload.reconnects() && state.live < planned.connections
        }) && self.entering < OPENING
    }

    pub(super) fn open_some(&mut self, now: Instant) {
        for lane in 0..self.plan.lanes.len() {
            while self.wants_opening(lane, now) {
                self.open(lane, now);
            }
        }
    }

    fn wants_opening(&mut self, lane: usize, now: Instant) -> bool {
        let (Some(planned), Some(state)) = (self.plan.lanes.get(lane), self.lanes.get(lane)) else {
            return false;
        };
        if self.entering >= OPENING {
            return false;
        }
        match (self.stage, planned.workload.reconnects()) {
            (Stage::Filling, false) => {
                state.begun < planned.connections && self.begun < self.wanted(now)
            }
            (Stage::Running, true) => {
                state.live < planned.connections
                    && self.shared.admits(now, self.plan.first_row(lane))
            }
            _ => false,
        }
    }

    fn open(&mut self, lane: usize, now: Instant) {
        self.open_for(lane, now, |_| ());
    }

    /// Opens a connection of a lane, with what `change` makes of its purpose.
    pub(super) fn open_for(
        &mut self,
        lane: usize,
        now: Instant,
        change: impl FnOnce(&mut Purpose),
    ) {
        let Some(state) = self.lanes.get_mut(lane) else {
            return;
        };
        let (number, login) = (state.begun, Arc::clone(&state.login));
        state.begun += 1;
        let from = target::source(self.address, self.begun % self.plan.connections());
        self.begun += 1;
        let key = self.clients.vacant_key();
        let network = &mut self.shared.network;
        let connected = network.connect(from, self.address, Token::new(key, 0));
        let connected = connected.and_then(|mut stream| {
            stream.register(Registration::Both)?;
            let from = stream.local_address()?;
            Ok((stream, from))
        });
        match connected {
            Ok((stream, from)) => {
                let mut purpose = self.purpose(lane, number, key, from);
                change(&mut purpose);
                let session = ClientSession::new(Arc::clone(&login));
                let link = Link::new(stream);
                let client = Client::new(link, session, purpose, now, self.plan.time_out);
                self.clients.insert(client);
                self.entering += 1;
                if let Some(state) = self.lanes.get_mut(lane) {
                    state.live += 1;
                }
                self.wake(key);
            }
            Err(error) => self.shared.failed(&Trouble::Connect(error)),
        }
    }

    /// What connection `number` of a lane is for.
    fn purpose(&self, lane: usize, number: usize, key: Key, from: SocketAddr) -> Purpose {
        let kept = self.lanes.get(lane).and_then(|state| state.tls.clone());
        let tls = kept.or_else(|| self.plan.tls.as_ref().map(ClientTls::new));
        let row = self.plan.first_row(lane);
        let depth = self.plan.depth;
        let lane_plan = self.plan.lanes.get(lane);
        let connections = lane_plan.map_or(0, |lane| lane.connections);
        let work = match lane_plan.map(|lane| &lane.workload) {
            Some(Workload::Login) => Work::Login,
            Some(Workload::Handshake { resumes }) => Work::Handshake(match resumes {
                false => Sessions::New,
                true if number < connections => Sessions::First,
                true => Sessions::Resumed,
            }),
            Some(Workload::Idle) if number == 0 => Work::Closed { depth: 1 },
            Some(Workload::Idle) | None => Work::Idle,
            // Its schedule begins when all are there.
            Some(Workload::Noop | Workload::Rate(_)) => Work::Closed { depth },
            Some(Workload::Files(_, script)) => {
                let place = Place {
                    key,
                    from: (from.ip(), 0).into(),
                    server: self.address,
                    tls: tls.clone().filter(|_| self.plan.login.protects_data),
                };
                let seat = Seat {
                    lane,
                    number,
                    is_keeper: number == 0 && self.plan.keeper_lane() == Some(lane),
                };
                Work::Files(Box::new(Files::new(&self.files, script, place, seat, row)))
            }
        };
        Purpose {
            lane,
            row,
            work,
            tls,
        }
    }

    /// Goes on to the next stage.
    pub(super) fn advance(&mut self, now: Instant) {
        match self.stage {
            Stage::Filling => {
                if self.begun == self.filled() && self.entering == 0 {
                    self.start(now);
                }
            }
            Stage::Running => {
                if self.usage.is_none() && now >= self.from {
                    self.usage = self.plan.pid.and_then(|pid| Usage::of(pid).ok());
                }
                let is_alone = self.clients.is_empty() && !self.plan.reconnects();
                if is_alone || self.shared.bounds.are_over(now) {
                    self.stage = Stage::Ending(now + self.plan.patience());
                    self.over = Some(now);
                    for key in self.clients.keys() {
                        self.wake(key);
                    }
                }
            }
            Stage::Ending(_) | Stage::Sweeping(_) => {}
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
        let mut numbers = vec![0; self.lanes.len()];
        for key in self.clients.keys() {
            if let Some(client) = self.clients.get_mut(key)
                && let Some(lane) = self.plan.lanes.get(client.lane)
                && let Some(number) = numbers.get_mut(client.lane)
                && let Workload::Rate(rate) = lane.workload
            {
                let place = (*number, lane.connections);
                *number += 1;
                let (arrivals, seed) = (self.plan.arrivals, self.plan.seed);
                let schedule = Schedule::new(now, rate, place, arrivals, seed);
                client.set_schedule(schedule, self.plan.depth);
            }
            self.wake(key);
        }
    }
}
