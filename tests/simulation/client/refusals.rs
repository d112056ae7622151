//! What a guest does about a refusal before the 150, which leaves its data connection as it is.
//!
//! It goes on over the same connection, and then waits for its 150 before it sends: whatever the
//! server receives before may belong to what was refused. Or it closes the connection and arranges
//! another one. Who knows that there is no other has nothing to store over.

use super::conversation::CommandKind;
use super::ftp_client::{ClientState, FtpClient};
use super::grammar::Line;
use super::profile::Role;
use super::transfer::Behaviour;
use crate::world::World;

impl FtpClient {
    /// A transfer is over before it has begun. Whether the guest goes on with another over the same
    /// connection.
    pub(super) fn goes_on(&mut self, code: u16, world: &mut World) -> bool {
        let was_refused = matches!(code, 450 | 451 | 452 | 501 | 550 | 552 | 553 | 554);
        if !was_refused || self.state != ClientState::Active || self.profile.role != Role::Normal {
            return false;
        }
        if self.profile.pipelines {
            // The next is said before it is known whether there is a connection for it.
            self.script.push_back(Line::new(CommandKind::Abor, "ABOR"));
            return false;
        }
        let may_go_on = self.transfer.as_ref().is_some_and(|transfer| {
            let has_connection = transfer.connection.is_some() || transfer.port.is_some();
            transfer.behaviour == Behaviour::Prompt && has_connection && transfer.end.is_none()
        });
        let is_silent = self
            .transfer
            .as_ref()
            .is_some_and(|transfer| !transfer.has_sent());
        if !may_go_on || !is_silent || self.has_aborted || self.rng.one_in(4) {
            return false;
        }
        let (verb, next, upload, restart) = self.draw_transfer(Behaviour::Prompt);
        let line = Line::new(next.kind, verb);
        world.note(|| format!("client {} goes on over its data connection", self.number));
        self.transfer = self
            .transfer
            .take()
            .map(|transfer| transfer.followed_by(next));
        self.upload = upload;
        self.script = restart.into_iter().chain([line]).collect();
        true
    }

    /// There is no new connection, and if there was an old one, it is not known any more.
    pub(super) fn is_not_arranged(&mut self, world: &mut World) {
        if self.profile.pipelines || self.profile.role != Role::Normal {
            return;
        }
        if let Some(mut transfer) = self.transfer.take() {
            transfer.hang_up(world);
        }
        self.upload = None;
        if self
            .script
            .iter()
            .any(|line| line.kind == CommandKind::Store)
        {
            self.script.clear();
        }
    }
}
