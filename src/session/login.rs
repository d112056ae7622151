//! USER, PASS, REIN: who is at the other end. RFC 959 §4.1.1.
//!
//! Every name gets the same 331, and whoever may not come in the same 530, later each time; the
//! wait is a deadline, so it costs nobody else anything. It begins with the PASS: how long its
//! verification took cannot be seen in it. Who may log in is for `auth` to say.

use std::fmt;
use std::time::Instant;

use super::{Channel, Context, Deadline, Order, Progress, Session};
use crate::auth::{Account, Credentials, Denial, Guest, Password, Permissions};
use crate::limits::LOGIN_FAILURES;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::protocol::visible::Visible;

/// Who is at the other end.
///
/// ```text
///   Nobody ──USER──▶ Named ──PASS, right──▶ LoggedIn
///     ▲                └──PASS, wrong──┐       │
///     └────────────────────────────────┴─REIN──┘     USER: to Named, from everywhere
/// ```
#[derive(Debug)]
pub(super) enum Login {
    Nobody,
    Named(Box<[u8]>),
    LoggedIn(Box<[u8]>, Guest),
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody | Self::Named(_) => f.write_str("(not logged in)"),
            Self::LoggedIn(name, _) => write!(f, "{}", Visible(name)),
        }
    }
}

impl Login {
    /// Whether this is an account of its own, and not anybody's.
    pub(super) fn is_personal(&self) -> bool {
        self.account().is_some_and(Account::is_personal)
    }

    pub(super) const fn is_logged_in(&self) -> bool {
        matches!(self, Self::LoggedIn(..))
    }

    /// Whose account it is, once the client is logged in.
    pub(super) fn account(&self) -> Option<&Account> {
        match self {
            Self::LoggedIn(_, guest) => Some(&guest.account),
            Self::Nobody | Self::Named(_) => None,
        }
    }

    /// What the client may do: nothing, before it is logged in.
    pub(super) fn permissions(&self) -> Permissions {
        let permissions = self.account().map(|account| account.permissions);
        permissions.unwrap_or_default()
    }
}

impl Session {
    /// The account is another one from here on; "all transfer parameters are unchanged" (RFC 959
    /// §4.1.1), and so is what the client has said of itself with OPTS.
    pub(super) fn user(&mut self, name: &[u8], cx: &mut Context<'_>) {
        self.flush_account(cx);
        self.login = Login::Named(name.into());
        cx.reply(&Reply::need_password());
    }

    pub(super) fn pass(&mut self, password: &[u8], cx: &mut Context<'_>) {
        match &self.login {
            Login::Named(name) => {
                self.progress = Progress::Verifying(cx.now);
                cx.order(Order::Verify(Credentials {
                    name: name.to_vec(),
                    password: Password::from(password),
                }));
            }
            Login::LoggedIn(..) => cx.reply(&Reply::fixed(230, "Already logged in.")),
            Login::Nobody => cx.reply(&Reply::fixed(503, "Send USER first.")),
        }
    }

    pub(super) fn verified(&mut self, verdict: Result<Guest, Denial>, cx: &mut Context<'_>) {
        let Progress::Verifying(since) = self.progress else {
            return;
        };
        let Login::Named(name) = std::mem::replace(&mut self.login, Login::Nobody) else {
            return;
        };
        let guest = match verdict {
            Ok(guest) => guest,
            Err(denial) => return self.deny(&name, denial, since, cx),
        };
        log::info!("{}: Logged in as {}", self.peer, Visible(&name));
        cx.reply(&match &guest.account.greeting {
            Some(text) => Reply::new(230, text.as_str()),
            None => Reply::logged_in(),
        });
        self.progress = Progress::Idle;
        self.umask = guest.account.umask;
        self.login = Login::LoggedIn(name, guest);
        self.failures = 0;
        cx.deadlines.clear(Deadline::Login);
    }

    pub(super) fn penalty_over(&mut self, cx: &mut Context<'_>) {
        let Progress::Penalised(denial) = self.progress else {
            return;
        };
        self.progress = Progress::Idle;
        match denial {
            // Not for what the client did; later it may be let in.
            Denial::Crowded => {
                let text = "Too many sessions of this account, closing control connection.";
                self.close(&Reply::fixed(421, text), cx);
            }
            Denial::Busy => {
                let text = "Too many logins at once, closing control connection.";
                self.close(&Reply::fixed(421, text), cx);
            }
            _ if self.failures >= LOGIN_FAILURES => {
                self.close(&Reply::service_not_available(), cx);
            }
            _ => cx.reply(&Reply::not_logged_in()),
        }
    }

    /// Everything as it was after the greeting (RFC 959 §4.1.1, REIN); no transfer is in
    /// progress, or the command would still wait.
    pub(super) fn reinitialize(&mut self, cx: &mut Context<'_>) {
        self.flush_account(cx);
        self.channel = Channel::default();
        cx.reply(&Reply::service_ready_for_new_user());
    }

    fn flush_account(&mut self, cx: &mut Context<'_>) {
        self.login = Login::Nobody;
        self.directory = VirtualPath::root();
        self.umask = None;
        self.channel.disarrange();
        self.rename_from = None;
        self.idle = None;
        cx.order(Order::HangUp);
        if !cx.deadlines.is_set(Deadline::Login) {
            let login = cx.now + cx.settings.timings.login;
            cx.deadlines.set(Deadline::Login, login);
        }
    }

    fn deny(&mut self, name: &[u8], denial: Denial, since: Instant, cx: &mut Context<'_>) {
        self.failures = self.failures.saturating_add(1);
        log::warn!(
            "{}: Login failed for {}: {denial}",
            self.peer,
            Visible(name)
        );
        self.progress = Progress::Penalised(denial);
        let delay = cx.settings.timings.penalty * u32::from(self.failures);
        cx.deadlines.set(Deadline::Penalty, since + delay);
    }
}
