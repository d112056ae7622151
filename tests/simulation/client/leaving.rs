//! How a guest goes, and how it is left.

use std::time::Duration;

use super::conversation::Kind;
use super::grammar::Line;
use super::guest::{Guest, Life};
use super::habits::Farewell;
use super::haul::Haul;
use super::ledger::Finish;
use crate::rng::Odds;
use crate::world::{Side, WireId, World};

impl Guest {
    pub(super) fn take_leave(&mut self, world: &mut World) {
        world.note(|| format!("client {}: {:?}", self.number, self.habits.farewell));
        self.life = Life::Leaving;
        match self.habits.farewell {
            Farewell::Quit => {
                self.say(Line::new(Kind::Quit, "QUIT"), world);
                self.perhaps_say_more(world);
            }
            Farewell::QuitAndHalfClose => {
                self.say(Line::new(Kind::Quit, "QUIT"), world);
                // What TLS has not sent yet would be lost.
                let is_sent = self.unsent.is_empty() && self.cover.secret.is_none();
                if let Some(id) = self.control.filter(|_| is_sent) {
                    world.shutdown(id, Side::Client).ok();
                    self.half_closed = Some(world.now);
                }
            }
            Farewell::Silence => {}
            Farewell::HalfClose if self.unsent.is_empty() && !self.cover.has_unsent() => {
                if let Some(id) = self.control {
                    self.end_own_side(id, world);
                }
            }
            Farewell::HalfClose => self.life = Life::Talking,
            Farewell::Deafness => self.become_deaf(world),
            Farewell::Close | Farewell::Kill => self.close_all(world),
            Farewell::Reset => self.go(world),
            Farewell::Vanish => {
                self.leave_upload_open(Finish::Open);
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

    /// Behind the QUIT, where nothing is heard any more; it must not cost the client its 221.
    fn perhaps_say_more(&mut self, world: &mut World) {
        if self.rng.one_in(3) {
            self.unsent.extend_from_slice(b"NOOP\r\nPWD\r\n");
            self.flush(world);
        }
    }

    /// A client that is killed mostly is in the middle of an upload, and so is one that ends its side, be
    /// it with a QUIT; one that closes everything is just done with its upload.
    pub(super) fn perhaps_leave_early(&mut self, world: &mut World) {
        let is_early = self
            .haul
            .as_ref()
            .is_some_and(|haul| match self.habits.farewell {
                Farewell::Kill | Farewell::QuitAndHalfClose | Farewell::HalfClose => {
                    haul.is_half_sent() && self.rng.one_in(3)
                }
                Farewell::Close => haul.begun && haul.is_all_sent() && haul.verdict.is_none(),
                _ => false,
            });
        // Behind AUTH and CCC nothing may be said.
        if self.life == Life::Talking && is_early && !self.is_switching() {
            self.take_leave(world);
        }
    }

    /// Closes both connections, in the one order or the other.
    fn close_all(&mut self, world: &mut World) {
        let is_killed = self.habits.farewell == Farewell::Kill;
        // With nothing else to read, the end of the control connection is seen where it comes.
        let is_seen = !self.habits.pipelines
            && self.unsent.is_empty()
            && self.conversation.awaited.len() <= 1;
        // Where the end must be announced, an early one is not taken for it.
        let is_announced = self.haul.as_ref().is_some_and(Haul::must_announce);
        let is_broken = is_announced || (is_killed && is_seen);
        let is_own = self.upload.is_some();
        self.leave_upload_open(if !is_killed && self.is_certain_to_be_whole(world) {
            Finish::Certain
        } else {
            Finish::Open
        });
        let data = self.haul.as_ref().and_then(|haul| haul.wire);
        // What several write would not be whole.
        if let Some(id) = data.filter(|_| !is_own && !is_broken) {
            world.reset_on_close(id, Side::Client);
        }
        match self.control {
            Some(control) if is_killed => world.kill(control, data),
            control => {
                data.inspect(|id| world.close(*id, Side::Client));
                if let Some((control, data)) = control.zip(data) {
                    world.land_after(control, data);
                }
                control.inspect(|id| world.close(*id, Side::Client));
            }
        }
        self.life = Life::Gone;
    }

    /// Whether nothing can come between an upload that is sent with its end and its name: its data
    /// connection is the server's, and neither the network nor the disk does anything to it.
    fn is_certain_to_be_whole(&self, world: &mut World) -> bool {
        let weather = &self.place.weather;
        let none = Odds(0);
        let is_kind = weather.is_prompt()
            && [
                weather.reset,
                weather.disk_error,
                weather.disk_full,
                weather.uncounted,
                weather.panic,
            ] == [none; 5];
        let has_room = self.place.quota.is_none();
        let is_served = !self.may_be_ended() && !self.place.is_proxied && !self.has_aborted;
        let haul = self.haul.as_ref();
        is_kind
            && has_room
            && is_served
            && haul.is_some_and(|haul| haul.begun && haul.is_all_sent() && haul.is_held(world))
    }

    /// Of TLS alone, with a last command just before it, or of the connection.
    fn end_own_side(&mut self, id: WireId, world: &mut World) {
        if self.cover.secret.is_some() && self.habits.announces {
            self.say(Line::new(Kind::Noop, "NOOP"), world);
            if !self.unsent.is_empty() {
                // There is no room for it yet.
                self.life = Life::Talking;
                return;
            }
            if let Some(secret) = &mut self.cover.secret {
                secret.say_end(id, world).ok();
            }
        } else {
            world.shutdown(id, Side::Client).ok();
        }
        self.half_closed = Some(world.now);
    }

    pub(super) fn become_deaf(&mut self, world: &mut World) {
        self.leave_upload_open(Finish::Open);
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
            if !burst.is_empty() {
                self.ask_for(b"RETR /pub/2");
            }
        }
        self.flush(world);
    }

    /// Ends whatever is left, not politely.
    pub(super) fn go(&mut self, world: &mut World) {
        self.leave_upload_open(Finish::Open);
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
            self.ledger.leave_open(upload, self.traces(), finish);
        }
    }
}
