//! Clients that a reload revokes something from: which replies they, and only they, may get.

use std::time::Duration;

use super::conversation::{CommandKind, FinalReply};
use super::ftp_client::FtpClient;
use crate::reload::Reload;
use crate::world::World;

/// What the replies to logins have told the client.
#[derive(Default)]
pub(super) struct LoginReplies {
    /// It has received 230.
    is_logged_in: bool,
    was_refused: bool,
}

impl LoginReplies {
    /// Follows a final reply.
    pub(super) const fn follow(&mut self, kind: CommandKind, code: u16) {
        use CommandKind::{Auth, AuthPrivate, Pass, Rein, User};
        match (kind, code) {
            (Pass, 230) => self.is_logged_in = true,
            (Pass, 530) => self.was_refused = true,
            (User | Rein | Auth | AuthPrivate, 200..400) => self.is_logged_in = false,
            _ => {}
        }
    }

    /// Whether a login was refused, so that replies may be delayed.
    pub(super) const fn was_refused(&self) -> bool {
        self.was_refused
    }

    /// Whether ABOR must be answered at once: without a login there is nothing to abort.
    pub(super) const fn may_abort(&self) -> bool {
        self.is_logged_in && !self.was_refused
    }
}

impl FtpClient {
    /// Whether the reload may end its session or transfer.
    pub(super) fn may_be_ended(&self) -> bool {
        self.config.stops || self.may_be_revoked()
    }

    /// Whether the reload revokes something from it.
    pub(super) fn may_be_revoked(&self) -> bool {
        let reload = self.config.reload.as_ref();
        reload.is_some_and(|one| one.concerns(self.profile.ip, self.profile.login))
    }

    fn is_revoked(&self, at: Duration) -> bool {
        let Some(reload) = &self.config.reload else {
            return false;
        };
        let is_known = !self.config.is_proxied || self.conversation.was_greeted();
        is_known
            && reload.ends(
                self.profile.ip,
                self.profile.login,
                self.login_replies.is_logged_in,
                at,
            )
    }

    /// From when on its session has certainly ended.
    pub(super) fn over_from(&self) -> Option<Duration> {
        let reload = self.config.reload.as_ref();
        let in_force = reload.map(Reload::in_force);
        in_force.filter(|&at| self.is_revoked(at))
    }

    /// Whether the server still holds its connection after the revocation.
    pub(super) fn is_held_after_revocation(&self, world: &World) -> bool {
        let is_held = self.control.id().is_some_and(|id| world.is_held(id));
        is_held && self.conversation.was_greeted() && self.is_revoked(world.now)
    }

    pub(super) fn check_closing_reply(&self, text: &str, world: &mut World) {
        self.check_service_closing(text, world);
        if text.starts_with("Session ended") && !self.may_be_revoked() {
            self.report(&format!("nothing was revoked from it, yet: {text}"), world);
        }
    }

    /// Checks a final reply. STAT and ABOR still work while a transfer is
    /// being cut.
    pub(super) fn check_rights(&self, answer: &FinalReply, world: &mut World) {
        let (kind, code, text) = (answer.command.kind, answer.code, &answer.text);
        let is_heard_always = matches!(kind, CommandKind::Stat | CommandKind::Abor);
        if code < 400 && !is_heard_always && self.is_revoked(answer.command.since) {
            let violation = format!("{code} to {kind:?}, though its session should have ended");
            self.report(&violation, world);
        }
        if text.starts_with("No longer allowed") && !self.may_be_revoked() {
            self.report(&format!("it keeps all permissions, yet: {text}"), world);
        }
    }
}
