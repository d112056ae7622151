//! A guest: its control connection, and what it does when it has heard something.
//!
//! ```text
//!   Unborn ──dials──▶ Talking ──QUIT, half-close, silence──▶ Leaving ──server's end──▶ Gone
//!                        ├──reads no more──▶ Deaf              closes, resets, vanishes ▲
//!                        └──────────────────────────────────────────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::storage::Memory;

use super::Place;
use super::conversation::{Conversation, Heard, Kind};
use super::grammar::Line;
use super::habits::{Farewell, Habits, Part};
use super::haul::{Goods, Haul, Manner};
use super::ledger::{Finish, Ledger, Upload};
use crate::rng::{Odds, Rng};
use crate::weather::Weather;
use crate::world::{self, Occurrence, Side, WireId, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Unborn,
    Talking,
    Leaving,
    Deaf,
    Gone,
}

pub(crate) struct Guest {
    pub(super) number: usize,
    pub(super) rng: Rng,
    pub(super) place: Place,
    pub(super) habits: Habits,
    life: Life,
    control: Option<WireId>,
    conversation: Conversation,
    /// Said, and not taken yet by the connection.
    unsent: Vec<u8>,
    /// What is going to be said next.
    script: VecDeque<Line>,
    groups_left: usize,
    interruptions_left: usize,
    next_say: Duration,
    pub(super) haul: Option<Haul>,
    upload: Option<Upload>,
    /// When and where the data connection is made.
    data_dial: Option<(Duration, SocketAddr)>,
    removing: Option<String>,
    pub(super) ledger: Ledger,
    pub(super) files: usize,
    pub(super) ports: u16,
    /// The TYPE that has been agreed on.
    pub(super) is_ascii: bool,
    has_half_closed: bool,
    /// It had to wait because its password was wrong.
    was_refused: bool,
    alarm: Option<Duration>,
}

impl Guest {
    pub(crate) fn new(number: usize, habits: Habits, rng: Rng, place: Place) -> Self {
        Self {
            number,
            rng,
            conversation: Conversation::new(place.control_only),
            place,
            life: Life::Unborn,
            control: None,
            unsent: Vec::new(),
            script: VecDeque::new(),
            groups_left: habits.groups,
            interruptions_left: 12,
            next_say: Duration::ZERO,
            haul: None,
            upload: None,
            data_dial: None,
            removing: None,
            ledger: Ledger::default(),
            files: 0,
            ports: 0,
            is_ascii: true,
            has_half_closed: false,
            was_refused: false,
            alarm: None,
            habits,
        }
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.life, Life::Gone | Life::Deaf)
    }

    /// The server is gone; nothing more will be heard.
    pub(crate) fn give_up(&mut self) {
        self.leave_upload_open(Finish::Broken);
    }

    pub(crate) fn audit(&self, memory: &Memory) -> Option<String> {
        let fault = self.ledger.audit(memory, self.removing.as_deref())?;
        Some(format!("client {}: {fault}", self.number))
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        if self.alarm.is_some_and(|at| at <= world.now) {
            self.alarm = None;
        }
        match self.life {
            Life::Gone => return,
            Life::Unborn => self.come(world),
            Life::Deaf => self.flush(world),
            Life::Talking | Life::Leaving => {
                self.hear(world);
                self.carry(world);
                self.talk(world);
                self.flush(world);
            }
        }
        if self.life == Life::Gone {
            self.leave_upload_open(Finish::Broken);
        }
    }

    fn come(&mut self, world: &mut World) {
        let door = self.place.doors[usize::from(self.habits.ip.is_ipv6())];
        let from = SocketAddr::new(self.habits.ip, 40_000);
        let id = if self.habits.part == Part::Guest {
            world.dial_server(self.number, from, door)
        } else {
            world.dial_server_sheltered(self.number, from, door)
        };
        self.control = Some(id);
        self.life = Life::Talking;
        self.script = match self.habits.part {
            Part::Inspector => self.inspection().into(),
            Part::Guest | Part::Probe => self.login_lines().into(),
        };
    }

    fn hear(&mut self, world: &mut World) {
        let mut buffer = [0; 512];
        while let Some(id) = self.control {
            match world.read(id, Side::Client, &mut buffer) {
                Ok(0) => {
                    self.check_end(id, world);
                    return self.go(world);
                }
                Ok(count) => self.hear_bytes(&buffer[..count], world),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.go(world),
            }
        }
    }

    fn hear_bytes(&mut self, bytes: &[u8], world: &mut World) {
        match self.conversation.hear(bytes) {
            Ok(replies) => {
                for reply in replies {
                    world.note(|| format!("client {} hears {reply:?}", self.number));
                    self.react(reply, world);
                }
            }
            Err(fault) => self.complain(&fault, world),
        }
    }

    fn complain(&self, fault: &str, world: &mut World) {
        world.violate(format!("client {}: {fault}", self.number));
    }

    fn react(&mut self, reply: Heard, world: &mut World) {
        match reply {
            Heard::Greeting => {}
            Heard::Preliminary(text) => {
                if let Some(haul) = &mut self.haul {
                    haul.begun = true;
                }
                self.check_name(&text, world);
            }
            Heard::Farewell => self.life = Life::Leaving,
            Heard::Final(kind, since, code, text) => {
                self.was_refused |= kind == Kind::Pass && code == 530;
                self.check_promptness(kind, since, world);
                if matches!((kind, code), (Kind::Passive, 227 | 229)) {
                    self.arrange_data_connection(&text, world);
                }
                if kind.is_transfer() {
                    self.conclude(code, since, world);
                }
                if kind == Kind::Dele
                    && let Some(path) = self.removing.take()
                    && code == 250
                {
                    self.ledger.removed(&path);
                }
                self.next_say = world.now + self.rng.time(self.habits.think);
            }
        }
    }

    /// STOU says which name it took (RFC 1123 §4.1.2.9).
    fn check_name(&self, text: &str, world: &mut World) {
        let Some(name) = text.strip_prefix("FILE: ") else {
            return;
        };
        let path = self.upload.as_ref().map(|upload| upload.path.as_str());
        if path.and_then(|path| path.strip_prefix("/up/")) != Some(name) {
            self.complain(&format!("{path:?} was stored as {name}"), world);
        }
    }

    /// What need not wait for anything must not.
    fn check_promptness(&self, kind: Kind, since: Duration, world: &mut World) {
        let is_abort = kind == Kind::Abor && self.place.weather.is_prompt() && !self.was_refused;
        let is_probe = kind == Kind::Noop && self.habits.part == Part::Probe;
        let took = world.now.saturating_sub(since);
        if (is_abort || is_probe) && took > Weather::PROMPTLY {
            self.complain(&format!("{kind:?} was answered after {took:?}"), world);
        }
    }

    fn arrange_data_connection(&mut self, text: &str, world: &World) {
        let Some(haul) = self
            .haul
            .as_ref()
            .filter(|haul| haul.manner != Manner::Absent)
        else {
            return;
        };
        let numbers: Vec<u16> = text
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let port = match numbers[..] {
            [port] => port,
            [.., high, low] => high * 256 + low,
            [] => return,
        };
        let lag = if haul.manner == Manner::Slow {
            Duration::from_secs(4)
        } else {
            self.habits.think
        };
        let door = self.place.doors[usize::from(self.habits.ip.is_ipv6())];
        let at = world.now + self.rng.time(lag);
        self.data_dial = Some((at, SocketAddr::new(door.ip(), port)));
    }

    /// The final reply to a transfer command.
    fn conclude(&mut self, code: u16, since: Duration, world: &mut World) {
        self.data_dial = None;
        let Some(haul) = &mut self.haul else {
            return;
        };
        // Only the time-out can say so, where accepting cannot fail.
        let is_early = world.now - since < self.place.timings.data_connect;
        let accepts = self.place.weather.no_descriptor == Odds(0) && haul.port.is_none();
        if code == 425 && haul.begun && accepts && is_early {
            world.violate(format!("client {}: 425 before its time", self.number));
        }
        haul.conclude(code, world);
        let fault = haul
            .fault()
            .filter(|_| matches!(haul.goods, Goods::Send { .. }));
        if let Some(fault) = fault {
            self.complain(&fault, world);
        }
        if let Some(upload) = self.upload.take()
            && let Some(fault) = self.ledger.settle(&upload, code, &self.place.memory)
        {
            self.complain(&fault, world);
        }
    }

    /// The data connection.
    fn carry(&mut self, world: &mut World) {
        if let Some((at, to)) = self.data_dial {
            if at > world.now {
                return self.wake_at(at, world);
            }
            self.data_dial = None;
            let from = SocketAddr::new(self.habits.ip, 50_000);
            let id = if self.habits.part == Part::Inspector {
                world.dial_server_sheltered(self.number, from, to)
            } else {
                world.dial_server(self.number, from, to)
            };
            if let Some(haul) = &mut self.haul {
                haul.wire = Some(id);
            }
        }
        let Some(haul) = &mut self.haul else {
            return;
        };
        let again = haul.step(world, &mut self.rng);
        if haul.is_over() {
            let fault = haul.fault();
            haul.hang_up(world);
            self.haul = None;
            if let Some(fault) = fault {
                self.complain(&fault, world);
            }
        } else if let Some(after) = again {
            let at = world.now + after;
            self.wake_at(at, world);
        }
    }

    fn talk(&mut self, world: &mut World) {
        if self.life != Life::Talking || !self.conversation.greeted {
            return;
        }
        if self.next_say > world.now {
            return self.wake_at(self.next_say, world);
        }
        let is_busy = !self.conversation.awaited.is_empty() || self.haul.is_some();
        if let Some(line) = self.script.front() {
            if self.habits.pipelines {
                while let Some(line) = self.script.pop_front() {
                    self.say(line, world);
                }
            } else if self.conversation.awaited.is_empty() {
                let pause = std::mem::take(&mut self.script[0].pause);
                if pause.is_zero() {
                    let line = self.script.pop_front();
                    line.into_iter().for_each(|line| self.say(line, world));
                } else {
                    self.next_say = world.now + pause;
                }
            } else if line.kind.is_transfer() {
                self.interrupt(world);
            }
        } else if self.groups_left == 0 && (!is_busy || self.habits.hurries) {
            return self.take_leave(world);
        } else if self.groups_left > 0 && (!is_busy || self.habits.pipelines) {
            if self.conversation.awaited.len() < 20 {
                self.groups_left -= 1;
                self.script = self.next_lines().into();
            }
        } else {
            self.interrupt(world);
        }
        let pause = self.rng.time(self.habits.think);
        // Who waits, but for an idea of what to say meanwhile, does not look every microsecond.
        let longest = Duration::from_millis(if is_busy { 40 } else { 0 });
        let least = self.rng.time(longest).max(longest / 40);
        self.next_say = self.next_say.max(world.now + pause.max(least));
        let may_interrupt = self.interruptions_left > 0 && self.habits.interrupts != Odds(0);
        if !is_busy || self.habits.pipelines || may_interrupt {
            self.wake_at(self.next_say, world);
        }
    }

    fn interrupt(&mut self, world: &mut World) {
        let may = self.interruptions_left > 0 && self.conversation.awaited.len() < 5;
        if may && self.rng.chance(self.habits.interrupts) {
            self.interruptions_left -= 1;
            let line = self.interruption();
            self.say(line, world);
        }
    }

    fn say(&mut self, line: Line, world: &mut World) {
        let text = line.bytes.trim_ascii_end();
        let shown = &text[..text.len().min(60)];
        world.note(|| format!("client {} says {}", self.number, shown.escape_ascii()));
        if let Some(transfer) = line.haul {
            let (mut haul, upload) = *transfer;
            if let Some((at, port)) = line.port {
                haul.port = Some(at);
                if let Some(port) = port {
                    world.open_client_port(at, port);
                }
            }
            self.haul = Some(haul);
            self.upload = upload;
        }
        if line.removes.is_some() {
            self.removing = line.removes;
        }
        if line.urgent {
            // Interrupt Process, and Synch: the mark is on the Data Mark.
            self.unsent.extend_from_slice(b"\xff\xf4\xff");
            self.flush(world);
            if let Some(id) = self.control.filter(|_| self.unsent.is_empty()) {
                world.mark_urgent(id);
            }
            self.unsent.push(0xf2);
        }
        self.unsent.extend_from_slice(&line.bytes);
        self.conversation.said(line.kind, line.must, world.now);
        self.flush(world);
    }

    fn flush(&mut self, world: &mut World) {
        while let Some(id) = self.control.filter(|_| !self.unsent.is_empty()) {
            match world.write(id, Side::Client, &self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                // What ends it is met by the next read.
                Err(_) => return,
            }
        }
    }

    fn take_leave(&mut self, world: &mut World) {
        world.note(|| format!("client {}: {:?}", self.number, self.habits.farewell));
        self.life = Life::Leaving;
        match self.habits.farewell {
            Farewell::Quit => self.say(Line::new(Kind::Quit, "QUIT"), world),
            Farewell::Silence => {}
            Farewell::HalfClose if self.unsent.is_empty() => {
                if let Some(id) = self.control {
                    self.has_half_closed = world.shutdown(id, Side::Client).is_ok();
                }
            }
            Farewell::HalfClose => self.life = Life::Talking,
            Farewell::Deafness => self.become_deaf(world),
            Farewell::Close => {
                self.leave_upload_open(Finish::Short);
                let data = self.haul.as_ref().and_then(|haul| haul.wire);
                for id in self.control.into_iter().chain(data) {
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

    fn become_deaf(&mut self, world: &mut World) {
        self.leave_upload_open(Finish::Broken);
        self.life = Life::Deaf;
        if self.haul.is_none() {
            let burst: &[u8] = self.rng.pick(&[b"", b"EPSV\r\nRETR /pub/2\r\n"]);
            self.unsent.extend_from_slice(burst);
        }
        let capacity = self.place.weather.capacity;
        let lines = if self.rng.one_in(2) {
            capacity.min(30_000) / 8
        } else {
            0
        };
        for _ in 0..lines {
            self.unsent.extend_from_slice(b"NOOP\r\n");
        }
        self.flush(world);
    }

    /// Ends whatever is left, not politely.
    fn go(&mut self, world: &mut World) {
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
    fn leave_upload_open(&mut self, finish: Finish) {
        if let Some(upload) = self.upload.take() {
            let goods = self.haul.as_ref().map(|haul| &haul.goods);
            let all_sent = matches!(goods, Some(Goods::Send { finished: true, .. }));
            let finish = if all_sent { Finish::Whole } else { finish };
            self.ledger.leave_open(upload, finish);
        }
    }

    /// The server has ended the connection, in order: whether it might.
    fn check_end(&self, id: WireId, world: &mut World) {
        // Its 421 is written once, to a new socket; where that is not enough it is lost.
        let weather = &self.place.weather;
        let takes_little = weather.capacity < 100 || weather.short_write != Odds(0);
        let was_turned_away = !self.conversation.greeted && takes_little;
        let excused = self.conversation.over
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
        if !self.has_half_closed || awaited.is_some() || self.conversation.is_broken_off() {
            self.complain(
                &format!("the server left without a word, owing {awaited:?}"),
                world,
            );
        }
    }

    fn wake_at(&mut self, at: Duration, world: &mut World) {
        if self.alarm.is_none_or(|alarm| at < alarm) {
            self.alarm = Some(at);
            let after = at.saturating_sub(world.now).max(Duration::from_micros(1));
            world.plan(after, Occurrence::Client(self.number));
        }
    }
}
