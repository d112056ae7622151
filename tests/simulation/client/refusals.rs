//! How a client reacts to a refusal before the 150, which leaves its data connection open.
//!
//! It reuses the connection, and then sends only after the 150, since the server may take earlier bytes for
//! the refused upload. Or it closes the connection and sets up another one.

use super::conversation::CommandKind;
use super::ftp_client::{ClientState, FtpClient};
use super::grammar::Line;
use super::profile::Role;
use super::transfer::{Behaviour, Transfer};
use crate::world::World;

impl FtpClient {
    /// The transfer was refused. Returns whether the client starts another one over the same connection.
    pub(super) fn reuses_connection(&mut self, code: u16, world: &mut World) -> bool {
        let was_refused = matches!(code, 450 | 451 | 452 | 501 | 550 | 552 | 553 | 554);
        if !was_refused || self.state() != ClientState::Active || self.profile.role != Role::Normal
        {
            return false;
        }
        if self.profile.pipelines {
            // A pipelining client sends the next command before it knows of the refusal.
            self.script.push(Line::new(CommandKind::Abor, "ABOR"));
            return false;
        }
        let transfer = self.transfer.as_ref();
        let may_go_on = transfer.is_some_and(Transfer::may_be_followed);
        if !may_go_on || self.rng.one_in(4) {
            return false;
        }
        let (verb, next, restart) = self.draw_transfer(Behaviour::Prompt);
        let line = Line::new(next.kind(), verb);
        world.note(|| format!("client {} goes on over its data connection", self.number));
        self.transfer = self
            .transfer
            .take()
            .map(|transfer| transfer.followed_by(next));
        self.script
            .replace(restart.into_iter().chain([line]).collect());
        true
    }

    /// No data connection was set up, and the server may have closed a previous one.
    pub(super) fn data_setup_failed(&mut self, world: &mut World) {
        if self.profile.pipelines || self.profile.role != Role::Normal {
            return;
        }
        if let Some(mut transfer) = self.transfer.take() {
            transfer.hang_up(world);
        }
        self.script.abandon_upload();
    }
}
