//! How a guest's control connection becomes secret, and stops being so: AUTH, implicit TLS, CCC.
//!
//! What a guest knows of it, and what it does about what it hears. A guest that opens TLS in a
//! bad way says nothing of FTP any more, and must hear nothing of it.

use std::io;
use std::time::Duration;

use mioftpd::net::DataSession;
use mioftpd::session::SecurityPolicy;

use super::closings::Sight;
use super::conversation::Kind;
use super::grammar::Line;
use super::guest::{Guest, Life};
use super::habits::{Opening, Part, Secrecy};
use super::protected::Reproach;
use super::secret::{Keys, Secret};
use crate::rng::Rng;
use crate::weather::Weather;
use crate::world::{self, Side, WireId, World};

/// What clients know of the server's TLS.
#[derive(Clone, Debug)]
pub(crate) struct Secure {
    pub(crate) data_session: DataSession,
    pub(crate) policy: SecurityPolicy,
}

/// What a guest keeps of its control connection's TLS.
pub(super) struct Cover {
    /// What a proxy says in front of everything, in the clear, as far as it is not said.
    pub(super) preamble: Vec<u8>,
    pub(super) keys: Option<Keys>,
    pub(super) secret: Option<Box<Secret>>,
    /// It has said CCC, and been allowed to.
    pub(super) is_clearing: bool,
    /// Data connections are to be secured.
    pub(super) is_private: bool,
    /// Since when it waits for the end of a connection that it opened badly.
    foul_since: Duration,
    /// It has.
    pub(super) has_begun_badly: bool,
    reproach: Reproach,
}

impl Cover {
    pub(super) fn new(secrecy: Secrecy, resumes: bool, rng: &mut Rng) -> Self {
        let keys = match secrecy {
            Secrecy::None => None,
            Secrecy::Explicit | Secrecy::Late | Secrecy::Implicit => Keys::draw(rng, resumes),
        };
        Self {
            preamble: Vec::new(),
            keys,
            secret: None,
            is_clearing: false,
            is_private: false,
            foul_since: Duration::ZERO,
            has_begun_badly: false,
            reproach: Reproach::default(),
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        let secret = self.secret.as_deref();
        secret.is_some_and(Secret::is_handshaking)
    }

    /// Whether something that was said waits for room.
    pub(super) fn has_unsent(&self) -> bool {
        let secret = self.secret.as_deref();
        secret.is_some_and(Secret::has_unsent)
    }

    pub(super) fn read(
        &mut self,
        id: WireId,
        world: &mut World,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.introduce(id, world);
        match &mut self.secret {
            // Before the preamble nothing is secret, and nothing may be said.
            Some(_) if !self.preamble.is_empty() => match world.read(id, Side::Client, buffer)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Err(io::ErrorKind::InvalidData.into()),
            },
            Some(secret) => secret.read(id, world, buffer),
            None => world.read(id, Side::Client, buffer),
        }
    }

    pub(super) fn write(
        &mut self,
        id: WireId,
        world: &mut World,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.introduce(id, world);
        match &mut self.secret {
            _ if !self.preamble.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            Some(secret) => secret.write(id, world, bytes),
            None => world.write(id, Side::Client, bytes),
        }
    }

    pub(super) fn flush(&mut self, id: WireId, world: &mut World) {
        self.introduce(id, world);
        if let Some(secret) = self.secret.as_mut().filter(|_| self.preamble.is_empty()) {
            secret.flush(id, world).ok();
        }
    }

    /// What ends it is met by the next read.
    fn introduce(&mut self, id: WireId, world: &mut World) {
        while !self.preamble.is_empty() {
            match world.write(id, Side::Client, &self.preamble) {
                Ok(count) => drop(self.preamble.drain(..count)),
                Err(_) => return,
            }
        }
    }
}

impl Guest {
    /// What is said first: the login, in the clear or not.
    pub(super) fn opening_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.cover.keys.is_none() || self.place.control_only {
            return self.login_lines();
        }
        match self.habits.secrecy {
            Secrecy::None => {}
            Secrecy::Explicit => {
                lines.push(self.auth_line());
                lines.extend(self.protection_lines());
            }
            Secrecy::Late => {
                lines.extend(self.login_lines());
                lines.push(self.auth_line());
                lines.extend(self.protection_lines());
            }
            Secrecy::Implicit => {
                if self.rng.one_in(2) {
                    lines.extend(self.protection_lines());
                }
            }
        }
        lines.extend(self.login_lines());
        lines
    }

    fn auth_line(&mut self) -> Line {
        if self.habits.part == Part::Inspector {
            return Line::new(Kind::Auth, "AUTH TLS").must(234);
        }
        if self.habits.opening == Opening::AndMore {
            return Line::new(Kind::AuthAndMore, "AUTH TLS\r\nNOOP");
        }
        match self.rng.below(4) {
            0 => Line::new(Kind::AuthPrivate, "AUTH SSL"),
            1 => Line::new(Kind::Auth, "auth tls-c"),
            _ => Line::new(Kind::Auth, "AUTH TLS"),
        }
    }

    fn protection_lines(&mut self) -> Vec<Line> {
        let size = Line::new(Kind::Pbsz, "PBSZ 0");
        if self.habits.part == Part::Inspector {
            return vec![
                size.must(200),
                Line::new(Kind::ProtPrivate, "PROT P").must(200),
            ];
        }
        let level = match self.rng.below(8) {
            0 => Line::new(Kind::ProtClear, "PROT C"),
            1 => Line::new(Kind::Garbage, "PROT S"),
            2 => return vec![Line::new(Kind::ProtPrivate, "PROT P")],
            _ => Line::new(Kind::ProtPrivate, "PROT P"),
        };
        vec![size, level]
    }

    /// What is said of security in between, by one who has TLS.
    pub(super) fn security_lines(&mut self) -> Vec<Line> {
        match self.rng.below(6) {
            0 => vec![Line::new(Kind::Ccc, "CCC")],
            1 => vec![Line::new(Kind::Auth, "AUTH TLS")],
            2 => vec![Line::new(Kind::Garbage, "AUTH KERBEROS_V5")],
            _ => self.protection_lines(),
        }
    }

    /// Whether nothing can be said before something is heard.
    pub(super) fn is_switching(&self) -> bool {
        let mut awaited = self.conversation.awaited.iter();
        let awaits = awaited.any(|one| one.kind.is_switch());
        awaits || self.cover.is_clearing || self.cover.is_handshaking()
    }

    /// 234 was heard, or this is the door where nothing is said in the clear.
    pub(super) fn begin_secrecy(&mut self, world: &World) {
        let Some(keys) = &self.cover.keys else {
            return;
        };
        self.cover.foul_since = world.now;
        self.unsent.clear();
        let hello = keys.hello();
        let part = |count: usize| hello[..count.min(hello.len() - 1)].to_vec();
        match self.habits.opening {
            Opening::Proper => return self.cover.secret = Some(keys.for_control()),
            // Whether it comes about is to be seen; at the other door it says nothing at all.
            Opening::AndMore if self.habits.secrecy != Secrecy::Implicit => {
                return self.cover.secret = Some(keys.for_control());
            }
            Opening::AndMore => {}
            Opening::Garbage => self.unsent = b"USER ann\r\nPASS secret\r\nQUIT\r\n".to_vec(),
            Opening::Stops(count) | Opening::Resets(count) | Opening::Leaves(count) => {
                self.unsent = part(count);
            }
        }
        self.cover.has_begun_badly = true;
        self.life = Life::Foul;
    }

    /// What came behind the 234 is not said in the clear.
    pub(super) fn begin_with_the_rest(&mut self, world: &mut World) {
        match &mut self.cover.secret {
            Some(secret) => secret.begin_with(self.conversation.take_rest()),
            None if self.life == Life::Foul => {
                let rest = self.conversation.take_rest();
                self.hear_reproach(&rest, world);
            }
            None => {}
        }
    }

    fn hear_reproach(&mut self, bytes: &[u8], world: &mut World) {
        if let Some(fault) = self.cover.reproach.hear(bytes) {
            self.complain(&fault, world);
        }
    }

    /// Sends what there is to send, and hears nothing but an alert, and the end.
    pub(super) fn endure(&mut self, world: &mut World) {
        let Some(id) = self.control else {
            return;
        };
        self.flush(world);
        let mut buffer = [0; 64];
        loop {
            match world.read(id, Side::Client, &mut buffer) {
                Ok(0) => break self.check_endurance(world),
                Ok(count) => self.hear_reproach(&buffer[..count], world),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_up = world
                        .wire(id)
                        .is_some_and(|wire| wire.client.line == world::Line::Up);
                    if !is_up || !self.unsent.is_empty() {
                        return;
                    }
                    match self.habits.opening {
                        Opening::Resets(_) => {
                            world.reset_by_client(id);
                            break;
                        }
                        Opening::Leaves(_) => drop(world.shutdown(id, Side::Client)),
                        _ => {}
                    }
                    return;
                }
                Err(_) => break,
            }
        }
        self.go(world);
    }

    /// Who says no proper hello is not waited for longer than the handshake may take.
    fn check_endurance(&self, world: &mut World) {
        let took = world.now.saturating_sub(self.cover.foul_since);
        let most = self.place.timings.handshake + Weather::PROMPTLY;
        if self.place.weather.is_prompt() && took > most {
            self.complain(
                &format!("a handshake that never was lasted {took:?}"),
                world,
            );
        }
    }

    /// CCC: the server has ended its side of TLS. Whether we have ended ours.
    pub(super) fn finish_clearing(&mut self, id: WireId, world: &mut World) -> bool {
        let Some(secret) = &mut self.cover.secret else {
            return true;
        };
        match secret.say_end(id, world) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            _ => {}
        }
        let rest = secret.take_rest();
        self.cover.secret = None;
        self.cover.is_clearing = false;
        world.note(|| format!("client {} goes on in the clear", self.number));
        if !rest.is_empty() {
            self.hear_bytes(&rest, world);
        }
        true
    }

    /// What was said behind AUTH in the clear is said in vain, and so is the hello.
    pub(super) fn check_beginning(&self, world: &mut World) {
        let has_begun = self.cover.secret.is_some() && !self.cover.is_handshaking();
        if has_begun && self.habits.opening == Opening::AndMore {
            self.complain("TLS began behind a command in the clear", world);
        }
    }

    /// The connection has broken: whether it was TLS that broke, which no weather excuses.
    pub(super) fn check_break(&self, id: WireId, error: &io::Error, world: &mut World) {
        match error.kind() {
            io::ErrorKind::InvalidData if self.habits.opening == Opening::AndMore => {}
            io::ErrorKind::InvalidData => self.complain(&format!("TLS: {error}"), world),
            io::ErrorKind::UnexpectedEof => self.check_end(id, Sight::Unannounced, world),
            io::ErrorKind::ConnectionReset => self.check_end(id, Sight::Reset, world),
            _ => {}
        }
    }
}
