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
use super::closings::{Concluded, Sight};
use super::conversation::Conversation;
use super::cover::Cover;
use super::grammar::Line;
use super::habits::{Habits, Part, Secrecy};
use super::haul::Haul;
use super::ledger::{Finish, Ledger};
use super::scripted::Groups;
use super::session_model::SessionModel;
use super::upload::Upload;
use crate::rng::Rng;
use crate::world::{Occurrence, WireId, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Unborn,
    Talking,
    Leaving,
    /// It has begun TLS badly.
    Foul,
    Deaf,
    Gone,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Guest {
    pub(super) number: usize,
    pub(super) rng: Rng,
    pub(super) place: Place,
    pub(super) habits: Habits,
    pub(super) life: Life,
    pub(super) control: Option<WireId>,
    /// Its control connection, also when it is gone.
    pub(super) came_over: Option<WireId>,
    /// Its transfers that are over.
    pub(super) concluded: Vec<Concluded>,
    /// When it came.
    pub(super) came: Duration,
    pub(super) cover: Cover,
    pub(super) conversation: Conversation,
    /// What the server must have of it.
    pub(super) model: SessionModel,
    /// Said, and not taken yet by the connection.
    pub(super) unsent: Vec<u8>,
    /// What is going to be said next.
    pub(super) script: VecDeque<Line>,
    pub(super) groups: Groups,
    pub(super) groups_left: usize,
    pub(super) interruptions_left: usize,
    pub(super) next_say: Duration,
    pub(super) haul: Option<Haul>,
    pub(super) upload: Option<Upload>,
    /// What the transfers are about that have no final reply.
    pub(super) asked_for: VecDeque<String>,
    /// When and where the data connection is made.
    pub(super) data_dial: Option<(Duration, SocketAddr)>,
    pub(super) removing: Option<String>,
    pub(super) ledger: Ledger,
    pub(super) files: usize,
    pub(super) ports: u16,
    /// The TYPE that has been agreed on.
    pub(super) is_ascii: bool,
    /// When it ended its side, or the last transfer after that ended: the server has to follow.
    pub(super) half_closed: Option<Duration>,
    /// ABOR, during this transfer.
    pub(super) has_aborted: bool,
    /// It has heard that it is logged in.
    pub(super) is_inside: bool,
    /// It had to wait because its password was wrong.
    pub(super) was_refused: bool,
    pub(super) alarm: Option<Duration>,
}

impl Guest {
    pub(crate) fn new(number: usize, habits: Habits, mut rng: Rng, place: Place) -> Self {
        Self {
            number,
            came: Duration::ZERO,
            cover: Cover::new(habits.secrecy, habits.resumes, &mut rng),
            rng,
            conversation: Conversation::new(place.control_only),
            model: SessionModel::new(habits.secrecy == Secrecy::Implicit),
            place,
            life: Life::Unborn,
            control: None,
            came_over: None,
            concluded: Vec::new(),
            unsent: Vec::new(),
            script: VecDeque::new(),
            groups: Groups::Drawn,
            groups_left: habits.groups,
            interruptions_left: 12,
            next_say: Duration::ZERO,
            haul: None,
            upload: None,
            asked_for: VecDeque::new(),
            data_dial: None,
            removing: None,
            ledger: Ledger::default(),
            files: 0,
            ports: 0,
            is_ascii: true,
            half_closed: None,
            has_aborted: false,
            is_inside: false,
            was_refused: false,
            alarm: None,
            habits,
        }
    }

    /// The same, with what it says from elsewhere.
    pub(crate) fn with_groups(self, groups: Groups) -> Self {
        let groups_left = match &groups {
            Groups::Scripted(groups) => groups.len(),
            Groups::Drawn | Groups::Recorded(_) => self.habits.groups,
        };
        Self {
            groups,
            groups_left,
            ..self
        }
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.life, Life::Gone | Life::Deaf)
    }

    /// The server is gone; nothing more will be heard.
    pub(crate) fn give_up(&mut self) {
        self.leave_upload_open(Finish::Open);
    }

    pub(crate) fn audit(&self, memory: &Memory, world: &World) -> Option<String> {
        let removing = self.removing.as_deref();
        let fault = self.ledger.audit(memory, removing, world)?;
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
            Life::Foul => {}
            Life::Talking | Life::Leaving => {
                self.hear(world);
                self.carry(world);
                self.perhaps_leave_early(world);
                self.talk(world);
                self.flush(world);
            }
        }
        if self.life == Life::Foul {
            // What there is to hear may have come with the 234, and then nothing tells of it.
            self.endure(world);
        }
        if self.life == Life::Gone {
            self.leave_upload_open(Finish::Open);
        }
    }

    fn come(&mut self, world: &mut World) {
        // At that door nobody is secret before it is known who it is.
        let is_unknown = self.place.is_proxied && !self.habits.preamble.is_right();
        let is_implicit = self.habits.secrecy == Secrecy::Implicit;
        let door = match self.habits.ip {
            _ if is_implicit => self.place.doors[2],
            ip => self.place.doors[usize::from(ip.is_ipv6())],
        };
        let here = SocketAddr::new(self.habits.ip, 40_000);
        let from = self.place.seen_from(here);
        if self.place.is_proxied {
            self.cover.preamble = self.habits.preamble.bytes(here, door, &mut self.rng);
        }
        let id = if self.habits.part == Part::Guest {
            world.dial_server(self.number, from, door)
        } else {
            world.dial_server_sheltered(self.number, from, door)
        };
        world.comes_from(id, (!is_unknown).then_some(self.habits.ip));
        self.control = Some(id);
        self.came_over = Some(id);
        self.came = world.now;
        self.model.outside_since = world.now;
        self.model.answered = world.now;
        self.life = Life::Talking;
        self.script = match self.habits.part {
            Part::Inspector => self.inspection().into(),
            Part::Guest | Part::Probe => self.opening_lines().into(),
        };
        if is_implicit && !is_unknown {
            self.cover.is_private = true;
            self.begin_secrecy(world);
        }
    }

    fn hear(&mut self, world: &mut World) {
        let mut buffer = [0; 512];
        while let Some(id) = self.control.filter(|_| self.life != Life::Foul) {
            let read = self.cover.read(id, world, &mut buffer);
            self.check_beginning(world);
            match read {
                Ok(0) if self.cover.is_clearing => {
                    if !self.finish_clearing(id, world) {
                        return;
                    }
                }
                Ok(0) => {
                    self.check_end(id, Sight::End, world);
                    return self.go(world);
                }
                Ok(count) => self.hear_bytes(&buffer[..count], world),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.check_break(id, &error, world);
                    return self.go(world);
                }
            }
        }
    }

    pub(super) fn complain(&self, fault: &str, world: &mut World) {
        world.violate(format!("client {}: {fault}", self.number));
    }

    pub(super) fn wake_at(&mut self, at: Duration, world: &mut World) {
        if self.alarm.is_none_or(|alarm| at < alarm) {
            self.alarm = Some(at);
            let after = at.saturating_sub(world.now).max(Duration::from_micros(1));
            world.plan(after, Occurrence::Client(self.number));
        }
    }
}
