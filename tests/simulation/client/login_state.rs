//! The login of a session, and the permissions that it has before and after a reload.

use std::time::Duration;

use mioftpd::Permissions;

use super::RunConfig;
use super::profile::Login;
use super::session_model::ReplyContext;

/// The login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginState {
    LoggedOut,
    /// USER was accepted.
    UserSent(Login),
    LoggedIn(Login, LoginTime),
}

/// The login was granted between these two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoginTime {
    sent_at: Duration,
    answered_at: Duration,
}

impl LoginState {
    /// The state after a 331 to USER.
    pub(super) fn user_sent(name: &str) -> Self {
        Self::UserSent(if name == "anonymous" {
            Login::Anonymous
        } else {
            Login::Named
        })
    }

    /// The state after a 230 to PASS.
    pub(super) const fn granted(self, sent_at: Duration, answered_at: Duration) -> Self {
        let since = LoginTime {
            sent_at,
            answered_at,
        };
        match self {
            Self::UserSent(login) => Self::LoggedIn(login, since),
            Self::LoggedOut | Self::LoggedIn(..) => self,
        }
    }

    pub(super) const fn is_anonymous(self) -> bool {
        matches!(self, Self::LoggedIn(Login::Anonymous, _))
    }

    /// Permissions for a command sent at this time: before and after a reload, which differ where the order
    /// of command and reload is unknown.
    pub(super) fn permissions(
        self,
        sent_at: Duration,
        context: &ReplyContext<'_>,
    ) -> [Permissions; 2] {
        let Self::LoggedIn(login, since) = self else {
            return [Permissions::NONE; 2];
        };
        let before = context.config.permissions_of(login).unwrap_or_default();
        let Some(reload) = &context.config.reload else {
            return [before; 2];
        };
        let after = reload.permissions(login, before).unwrap_or(before);
        // Kept sessions keep the permissions of their login.
        let span = if reload.keeps_sessions() {
            since
        } else {
            LoginTime {
                sent_at,
                answered_at: context.now,
            }
        };
        let is_over = reload.is_over(span.sent_at);
        match reload.has_come(span.answered_at) {
            false => [before; 2],
            true if is_over => [after; 2],
            true => [before, after],
        }
    }

    /// When the reload revoked this permission, if the client had it at login: a transfer that needs it is
    /// then cut.
    pub(super) fn lost_since(self, needed: Permissions, config: &RunConfig) -> Option<Duration> {
        let Self::LoggedIn(login, _) = self else {
            return None;
        };
        let reload = config.reload.filter(|one| !one.keeps_sessions())?;
        let before = config.permissions_of(login)?;
        let after = reload.permissions(login, before)?;
        let is_lost = before.contains(needed) && !after.contains(needed);
        is_lost.then_some(reload.at)
    }
}
