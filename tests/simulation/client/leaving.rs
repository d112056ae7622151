//! How a guest goes, and how it is left.

use std::time::Duration;

use super::conversation::Kind;
use super::grammar::Line;
use super::guest::{Guest, Life};
use super::habits::{Farewell, Part};
use super::haul::Goods;
use super::ledger::Finish;
use crate::rng::Odds;
use crate::weather::Weather;
use crate::world::{self, Side, WireId, World};

impl Guest {
    pub(super) fn take_leave(&mut self, world: &mut World) {
        world.note(|| format!("client {}: {:?}", self.number, self.habits.farewell));
        self.life = Life::Leaving;
        match self.habits.farewell {
            Farewell::Quit => self.say(Line::new(Kind::Quit, "QUIT"), world),
            Farewell::Silence => {}
            Farewell::HalfClose if self.unsent.is_empty() => {
                if let Some(id) = self.control {
                    world.shutdown(id, Side::Client).ok();
                    self.half_closed = Some(world.now);
                }
            }
            Farewell::HalfClose => self.life = Life::Talking,
            Farewell::Deafness => self.become_deaf(world),
            Farewell::Close => {
                let is_private = self.upload.is_some();
                self.leave_upload_open(Finish::Short);
                let data = self.haul.as_ref().and_then(|haul| haul.wire);
                if let Some(id) = data {
                    // What several write would not be whole.
                    if !is_private {
                        world.reset_on_close(id, Side::Client);
                    }
                    world.close(id, Side::Client);
                }
                if let Some(id) = self.control {
                    world.close(id, Side::Client);
                }
                self.life = Life::Gone;
            }
            Farewell::Reset => self.go(world),
            Farewell::Vanish => {
                self.leave_upload_open(Finish::Broken);
                let data = self.haul.as_ref().and_then(|haul| haul.wire);
                for id in self.control.into_iter().chain(data) {
                    world.vanish(id);
                }
                self.life = Life::Gone;
            }
        }
        if self.life == Life::Talking {
            self.wake_at(world.now + Duration::from_millis(100), world);
        }
    }

    pub(super) fn become_deaf(&mut self, world: &mut World) {
        self.leave_upload_open(Finish::Broken);
        self.life = Life::Deaf;
        let capacity = self.place.weather.capacity;
        let lines = if self.rng.one_in(2) {
            capacity.min(30_000) / 8
        } else {
            0
        };
        for _ in 0..lines {
            self.unsent.extend_from_slice(b"NOOP\r\n");
        }
        if self.haul.is_none() {
            let burst: &[u8] = self.rng.pick(&[b"", b"EPSV\r\nRETR /pub/2\r\n"]);
            self.unsent.extend_from_slice(burst);
        }
        self.flush(world);
    }

    /// Ends whatever is left, not politely.
    pub(super) fn go(&mut self, world: &mut World) {
        self.leave_upload_open(Finish::Broken);
        self.life = Life::Gone;
        if let Some(mut haul) = self.haul.take() {
            if let Some(id) = haul.wire {
                world.reset_on_close(id, Side::Client);
            }
            haul.hang_up(world);
        }
        if let Some(id) = self.control.take() {
            if self.habits.farewell == Farewell::Reset {
                world.reset_by_client(id);
            } else {
                world.close(id, Side::Client);
            }
        }
    }

    /// Nobody will say what became of an upload.
    pub(super) fn leave_upload_open(&mut self, finish: Finish) {
        if let Some(upload) = self.upload.take() {
            let goods = self.haul.as_ref().map(|haul| &haul.goods);
            let all_sent = matches!(goods, Some(Goods::Send { finished: true, .. }));
            let finish = if all_sent { Finish::Whole } else { finish };
            self.ledger.leave_open(upload, finish);
        }
    }

    /// The server has ended the connection, in order: whether it might.
    pub(super) fn check_end(&self, id: WireId, world: &mut World) {
        let took = self.half_closed.map(|at| world.now.saturating_sub(at));
        let is_busy = self.haul.is_some() || self.was_refused || self.habits.pipelines;
        let is_at_ease = self.place.weather.is_prompt() && !is_busy;
        if is_at_ease && took.is_some_and(|took| took > Weather::PROMPTLY) {
            self.complain(&format!("its end was noticed after {took:?}"), world);
        }
        // Its 421 is written once, to a new socket; where that is not enough it is lost.
        let weather = &self.place.weather;
        let takes_little = weather.capacity < 100 || weather.short_write != Odds(0);
        let was_turned_away = !self.conversation.greeted && takes_little;
        let is_unknown = self.place.is_proxied && !self.habits.preamble.is_right();
        let excused = self.conversation.over
            || is_unknown
            || was_turned_away
            || !self.place.weather.is_smooth() && self.habits.part == Part::Guest
            || self.place.weather.panic != Odds(0)
            || self.place.stops
            || world.is_cut(id)
            || world
                .wire(id)
                .is_some_and(|wire| wire.client.line != world::Line::Up);
        if excused {
            return;
        }
        let awaited = self.conversation.awaited.front();
        if self.half_closed.is_none() || awaited.is_some() || self.conversation.is_broken_off() {
            self.complain(
                &format!("the server left without a word, owing {awaited:?}"),
                world,
            );
        }
    }
}
