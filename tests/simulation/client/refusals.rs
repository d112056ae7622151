//! What a guest does about a refusal before the 150, which leaves its data connection as it is.
//!
//! It goes on over the same connection, and then waits for its 150 before it sends: whatever the
//! server receives before may belong to what was refused. Or it closes the connection and arranges
//! another one. Who knows that there is no other has nothing to store over.

use super::conversation::Kind;
use super::grammar::Line;
use super::guest::{Guest, Life};
use super::habits::Part;
use super::haul::Manner;
use crate::world::World;

impl Guest {
    /// A transfer is over before it has begun. Whether the guest goes on with another over the same
    /// connection.
    pub(super) fn goes_on(&mut self, code: u16, world: &mut World) -> bool {
        let was_refused = matches!(code, 450 | 451 | 452 | 501 | 550 | 552 | 553 | 554);
        if !was_refused || self.life != Life::Talking || self.habits.part != Part::Guest {
            return false;
        }
        if self.habits.pipelines {
            // The next is said before it is known whether there is a connection for it.
            self.script.push_back(Line::new(Kind::Abor, "ABOR"));
            return false;
        }
        let may_go_on = self.haul.as_ref().is_some_and(|haul| {
            let has_connection = haul.wire.is_some() || haul.port.is_some();
            haul.manner == Manner::Prompt && has_connection && haul.end.is_none()
        });
        let is_silent = self.haul.as_ref().is_some_and(|haul| !haul.has_sent());
        if !may_go_on || !is_silent || self.has_aborted || self.rng.one_in(4) {
            return false;
        }
        let (verb, next, upload, restart) = self.draw_transfer(Manner::Prompt);
        let line = Line::new(next.kind, verb);
        world.note(|| format!("client {} goes on over its data connection", self.number));
        self.haul = self.haul.take().map(|haul| haul.followed_by(next));
        self.upload = upload;
        self.script = restart.into_iter().chain([line]).collect();
        true
    }

    /// There is no new connection, and if there was an old one, it is not known any more.
    pub(super) fn is_not_arranged(&mut self, world: &mut World) {
        if self.habits.pipelines || self.habits.part != Part::Guest {
            return;
        }
        if let Some(mut haul) = self.haul.take() {
            haul.hang_up(world);
        }
        self.upload = None;
        if self.script.iter().any(|line| line.kind == Kind::Store) {
            self.script.clear();
        }
    }
}
