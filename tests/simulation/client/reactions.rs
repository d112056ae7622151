//! What a guest does about what it hears, and its transfer: every reply is held to the models.

use std::net::SocketAddr;
use std::time::Duration;

use super::closings::Concluded;
use super::conversation::{Answer, Heard, Kind};
use super::guest::{Guest, Life};
use super::habits::{Part, Secrecy};
use super::haul::{EndRule, Manner};
use super::proxied::Preamble;
use crate::weather::Weather;
use crate::world::World;

impl Guest {
    pub(super) fn hear_bytes(&mut self, bytes: &[u8], world: &mut World) {
        match self.conversation.hear(bytes) {
            Ok(replies) => {
                let was_secret = self.cover.secret.is_some();
                let count = replies.len();
                for (number, reply) in replies.into_iter().enumerate() {
                    world.note(|| format!("client {} hears {reply:?}", self.number));
                    self.react(reply, world);
                    let has_switched = self.cover.secret.is_some() != was_secret;
                    let is_last = number + 1 == count && !self.conversation.goes_on_in_the_clear();
                    if has_switched && !is_last {
                        self.complain("more was said, in the clear, behind the 234", world);
                    }
                }
                if !was_secret {
                    self.begin_with_the_rest(world);
                }
            }
            Err(fault) => self.complain(&fault, world),
        }
    }

    fn react(&mut self, reply: Heard, world: &mut World) {
        match reply {
            Heard::Greeting => {
                if self.place.is_proxied && !self.habits.preamble.is_right() {
                    self.complain("greeted, and nobody has said who it is", world);
                }
            }
            Heard::Preliminary(said, text) => {
                self.check_beginning_of(&said, &text, world);
                if let Some(haul) = &mut self.haul {
                    haul.begun = true;
                }
                self.check_name(&text, world);
            }
            Heard::Farewell(text) => {
                self.check_farewell(&text, world);
                let is_owed = self.habits.part == Part::Inspector && self.haul.is_some();
                if is_owed && !self.is_being_ended(world) {
                    self.complain("turned out in the middle of a transfer", world);
                }
                self.life = Life::Leaving;
            }
            Heard::Final(answer) => self.react_to_final(&answer, world),
        }
    }

    fn react_to_final(&mut self, answer: &Answer, world: &mut World) {
        let (kind, since, code) = (answer.said.kind, answer.said.since, answer.code);
        let text = answer.text.as_str();
        self.was_refused |= kind == Kind::Pass && code == 530;
        self.check_promptness(kind, since, world);
        self.check_answer(answer, world);
        self.check_rights(kind, since, code, text, world);
        self.check_record(answer, world);
        self.take_note_of_security(kind, code, world);
        if matches!(kind, Kind::Passive | Kind::Port) {
            self.take_note_of_arrangement(code, text, world);
        }
        if answer.quits && text.starts_with("Control connection ended") {
            self.complain("who has said QUIT was taken for one who is gone", world);
        }
        if kind.is_transfer() {
            self.check_disk(code, world);
            self.conclude(code, since, text, world);
        }
        if kind == Kind::Dele
            && let Some(path) = self.removing.take()
            && code == 250
        {
            self.ledger.removed(&path);
        }
        self.next_say = world.now + self.rng.time(self.habits.think);
    }

    /// How the data connection comes to be, or that it does not.
    fn take_note_of_arrangement(&mut self, code: u16, text: &str, world: &mut World) {
        if let Some(haul) = &mut self.haul {
            let keys = self.cover.keys.clone();
            let secure = self.place.secure.as_ref();
            let networks = secure.map(|secure| &secure.policy.unclean_uploads);
            let end_rule = match networks {
                Some(networks) if !networks.is_empty() => EndRule::Unclean,
                _ => EndRule::Announced,
            };
            haul.arranged(
                keys.filter(|_| self.cover.is_private),
                end_rule,
                self.habits.mean,
            );
        }
        if code >= 400 {
            self.is_not_arranged(world);
        }
        if matches!(code, 227 | 229) {
            self.arrange_data_connection(text, world);
        }
    }

    /// STOU says which name it took (RFC 1123 §4.1.2.9), as it is called from where a CWD has led.
    fn check_name(&self, text: &str, world: &mut World) {
        let Some(name) = text.strip_prefix("FILE: ") else {
            return;
        };
        let path = self.upload.as_ref().map(|upload| upload.path.as_str());
        let way = path.and_then(|path| path.strip_suffix(name));
        if !way.is_some_and(|way| way.is_empty() || way.ends_with('/')) {
            self.complain(&format!("{path:?} was stored as {name}"), world);
        }
    }

    /// What is secret from here on, and what is not.
    fn take_note_of_security(&mut self, kind: Kind, code: u16, world: &mut World) {
        match (kind, code) {
            (Kind::Auth | Kind::AuthPrivate | Kind::AuthAndMore, 234) => {
                self.cover.is_private = kind == Kind::AuthPrivate;
                self.begin_secrecy(world);
            }
            (Kind::ProtPrivate, 200) => self.cover.is_private = true,
            (Kind::ProtClear, 200) => self.cover.is_private = false,
            (Kind::Rein, 220) => {
                self.cover.is_private = self.habits.secrecy == Secrecy::Implicit;
            }
            (Kind::Ccc, 200) => {
                self.cover.is_clearing = true;
                if let (Some(id), Some(secret)) = (self.control, &mut self.cover.secret) {
                    secret.say_end(id, world).ok();
                }
            }
            _ => {}
        }
    }

    /// What need not wait for anything must not: in prompt weather everything is answered soon after what
    /// was said before it, but for transfers, and for logins, of which the gate knows how long they take.
    /// ABOR does not even wait for the transfer before it.
    fn check_promptness(&self, kind: Kind, since: Duration, world: &mut World) {
        let is_probe = kind == Kind::Noop && self.habits.part == Part::Probe;
        let is_prompt = self.place.weather.is_prompt();
        // Who is not logged in has nothing to abort, and is slowed down.
        let is_abort = kind == Kind::Abor && is_prompt && self.is_inside && !self.was_refused;
        let took = world.now.saturating_sub(since);
        if (is_abort || is_probe) && took > Weather::PROMPTLY {
            self.complain(&format!("{kind:?} was answered after {took:?}"), world);
        }
        let is_in_turn = is_prompt && !kind.is_transfer() && kind != Kind::Pass;
        let took = world.now.saturating_sub(since.max(self.model.heard));
        if is_in_turn && took > Weather::PROMPTLY {
            self.complain(&format!("{kind:?} was answered only after {took:?}"), world);
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
    fn conclude(&mut self, code: u16, since: Duration, text: &str, world: &mut World) {
        self.data_dial = None;
        // Behind a half-close a transfer may go on, and wait for its data connection: also for one
        // that was arranged for a transfer which was refused. Only from here on all is said.
        self.half_closed = self.half_closed.map(|_| world.now);
        self.check_ending(code, since, text, world);
        let Some(haul) = &mut self.haul else {
            return;
        };
        let was_begun = haul.begun;
        self.settle_upload(code, text, world);
        if !was_begun && self.goes_on(code, world) {
            return;
        }
        let Some(haul) = &mut self.haul else {
            return;
        };
        self.concluded.extend(Concluded::of(haul, code));
        haul.conclude(code, world);
        let may_break = !world.panics.is_empty();
        let is_upload = haul.is_upload();
        if let Some(fault) = haul.fault(may_break).filter(|_| is_upload) {
            self.complain(&fault, world);
        }
    }

    fn settle_upload(&mut self, code: u16, text: &str, world: &mut World) {
        let traces = self.traces();
        if let Some(upload) = self.upload.take()
            && let Some(fault) =
                self.ledger
                    .settle(&upload, code, text, &traces, &self.place.memory, world)
        {
            self.complain(&fault, world);
        }
    }

    /// The data connection.
    pub(super) fn carry(&mut self, world: &mut World) {
        if let Some((at, to)) = self.data_dial {
            if at > world.now {
                return self.wake_at(at, world);
            }
            self.data_dial = None;
            let here = SocketAddr::new(self.habits.ip, 50_000);
            let from = self.place.seen_from(here);
            let id = if self.habits.part == Part::Inspector {
                world.dial_server_sheltered(self.number, from, to)
            } else {
                world.dial_server(self.number, from, to)
            };
            if let Some(haul) = &mut self.haul {
                haul.wire = Some(id);
                if self.place.is_proxied {
                    let preamble = self.rng.pick(&[Preamble::Line, Preamble::Binary]);
                    haul.preamble = preamble.bytes(here, to, &mut self.rng);
                }
            }
        }
        let Some(haul) = &mut self.haul else {
            return;
        };
        let again = haul.step(world, &mut self.rng);
        if haul.is_over() {
            let fault = haul.fault(!world.panics.is_empty());
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
}
