//! USER, PASS, REIN: who is at the other end. RFC 959 §4.1.1.
//!
//! Every name gets the same 331, and whoever may not come in the same 530, later each time; the
//! wait is a deadline, so it costs nobody else anything. It begins with the PASS: how long its
//! verification took cannot be seen in it. Who may log in is for `auth` to say, and so is how much
//! an address has failed. Who is not logged in may not go on as fast as it likes either.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use log::Level;

use super::{Action, Channel, Context, Deadline, Progress, Session, farewells};
use crate::auth::{
    Account, AuthenticatedUser, Credentials, Denial, Password, Permissions, ProvenBy, Refusal,
};
use crate::limits::LOGIN_FAILURES;
use crate::observe::target;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::protocol::visible::{QuotedName, Visible};

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
    LoggedIn(Box<[u8]>, AuthenticatedUser, ProvenBy),
}

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The one of a PASS, which came then.
    Password { since: Instant },
    /// The one of its TLS handshake.
    Certificate,
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody | Self::Named(_) => f.write_str("(not logged in)"),
            Self::LoggedIn(name, ..) => write!(f, "{}", Visible(name)),
        }
    }
}

impl Login {
    /// As the client gave it, empty before it is logged in.
    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::LoggedIn(name, ..) => name,
            Self::Nobody | Self::Named(_) => b"",
        }
    }

    /// The one of USER, before the login.
    pub(super) fn claimed_name(&self) -> Option<&[u8]> {
        match self {
            Self::Named(name) => Some(name),
            Self::Nobody | Self::LoggedIn(..) => None,
        }
    }

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
            Self::LoggedIn(_, user, _) => Some(&user.account),
            Self::Nobody | Self::Named(_) => None,
        }
    }

    /// Whether data connections may be to other hosts than the client's.
    pub(super) fn allows_fxp(&self) -> bool {
        self.account().is_some_and(|account| account.allow_fxp)
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
        if !self.may_log_in(name, cx) {
            return;
        }
        self.login = Login::Named(name.into());
        if self.protection.vouches_for(name, cx.settings) {
            self.progress = Progress::Verifying(Proof::Certificate);
            return cx.action(Action::Vouch(name.to_vec()));
        }
        cx.reply(&Reply::need_password());
    }

    pub(super) fn pass(&mut self, password: &[u8], cx: &mut Context<'_>) {
        match &self.login {
            Login::Named(name) => {
                let name = name.clone();
                // A reload may have come between USER and PASS.
                if !self.may_log_in(&name, cx) {
                    self.login = Login::Nobody;
                    return;
                }
                self.progress = Progress::Verifying(Proof::Password { since: cx.now });
                cx.action(Action::Verify(Credentials {
                    name: name.into_vec(),
                    password: Password::from(password),
                }));
            }
            Login::LoggedIn(..) => cx.reply(&Reply::fixed(230, "Already logged in.")),
            Login::Nobody => cx.reply(&Reply::fixed(503, "Send USER first.")),
        }
    }

    pub(super) fn verified(
        &mut self,
        verdict: Result<AuthenticatedUser, Refusal>,
        cx: &mut Context<'_>,
    ) {
        let Progress::Verifying(proof) = self.progress else {
            return;
        };
        let Login::Named(name) = std::mem::replace(&mut self.login, Login::Nobody) else {
            return;
        };
        self.progress = Progress::Idle;
        match (verdict, proof) {
            // Or between PASS and what came of it.
            (Ok(_), _) if !self.may_log_in(&name, cx) => {}
            (Ok(user), proof) => self.admit(name, user, proof, cx),
            (Err(refusal), Proof::Certificate) => {
                if refusal.denial.is_proven() {
                    let text = failure(self.peer, &name, " by certificate", refusal.denial);
                    self.log
                        .login(self.peer, cx.now, Level::Warn, format_args!("{text}"));
                }
                // No such account, or so it seems: a password may still be right.
                self.login = Login::Named(name);
                cx.reply(&Reply::need_password());
            }
            (Err(refusal), Proof::Password { since }) => self.deny(&name, refusal, since, cx),
        }
    }

    fn admit(
        &mut self,
        name: Box<[u8]>,
        user: AuthenticatedUser,
        proof: Proof,
        cx: &mut Context<'_>,
    ) {
        let text = format_args!("{}: Logged in as {}", self.peer, QuotedName(&name));
        self.log.login(self.peer, cx.now, Level::Info, text);
        let (by, code, usual) = match proof {
            Proof::Password { .. } => (ProvenBy::Password, 230, None),
            Proof::Certificate => {
                let usual = "User logged in, by certificate.";
                (ProvenBy::Certificate, 232, Some(usual))
            }
        };
        cx.reply(&match (user.account.greeting.as_deref().or(usual), code) {
            (Some(text), code) => Reply::new(code, text),
            (None, _) => Reply::logged_in(),
        });
        self.umask = user.account.umask;
        self.login = Login::LoggedIn(name, user, by);
        cx.deadlines.clear(Deadline::Login);
        self.watch_expiry(cx);
    }

    pub(super) fn penalty_over(&mut self, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Penalised(denial) => self.say_denied(denial, cx),
            Progress::Slowed => {}
            other => self.progress = other,
        }
    }

    fn say_denied(&mut self, denial: Denial, cx: &mut Context<'_>) {
        match denial {
            // Not for what the client did; later it may be let in.
            Denial::Crowded => self.close(&farewells::too_many("sessions of this account"), cx),
            Denial::Busy => self.close(&farewells::too_many("logins at once"), cx),
            _ if self.failures >= LOGIN_FAILURES => {
                self.close(&farewells::too_many("failed logins"), cx);
            }
            _ => cx.reply(&Reply::not_logged_in()),
        }
    }

    /// Everything as it was after the greeting (RFC 959 §4.1.1, REIN); no transfer is in
    /// progress, or the command would still wait.
    pub(super) fn reinitialize(&mut self, cx: &mut Context<'_>) {
        self.flush_account(cx);
        self.channel = Channel::default();
        self.protection.forget_data();
        cx.reply(&cx.settings.welcome());
    }

    pub(super) fn flush_account(&mut self, cx: &mut Context<'_>) {
        self.login = Login::Nobody;
        cx.deadlines.clear(Deadline::Expiry);
        self.directory = VirtualPath::root();
        self.umask = None;
        self.channel.disarrange();
        self.rename_from = None;
        self.idle = None;
        cx.action(Action::HangUp);
        if !cx.deadlines.is_set(Deadline::Login) {
            let login = cx.now + cx.settings.timings.login;
            cx.deadlines.set(Deadline::Login, login);
        }
    }

    /// The failures of this conversation are not forgotten with a login: who has one account would
    /// use it after every few guesses at another's.
    fn deny(&mut self, name: &[u8], refusal: Refusal, since: Instant, cx: &mut Context<'_>) {
        let Refusal { denial, failures } = refusal;
        self.failures = self.failures.saturating_add(1);
        let text = failure(self.peer, name, "", denial);
        log::warn!(target: target::SECURITY, "{text}");
        if denial == Denial::Banned {
            return self.close(&Reply::service_not_available(), cx);
        }
        self.progress = Progress::Penalised(denial);
        let failures = failures.max(self.failures.into());
        let delay = cx.settings.timings.penalty.saturating_mul(failures);
        let delay = delay.min(cx.settings.throttling.longest_penalty);
        cx.deadlines.set(Deadline::Penalty, since + delay);
    }

    /// A command of somebody who is not logged in is executed; the next one may have to wait.
    pub(super) fn slow_down(&mut self, cx: &mut Context<'_>) {
        let rate = cx.settings.throttling.commands;
        self.command_rate.take(rate, cx.now);
        if matches!(self.progress, Progress::Idle)
            && let Some(next) = self.command_rate.next_at(rate, cx.now)
        {
            self.progress = Progress::Slowed;
            cx.deadlines.set(Deadline::Penalty, next);
        }
    }
}

/// The one line for a login that failed. Programs match it (`src/guide/fail2ban.conf`), and the name is
/// the client's choice: quoted and cut, it can neither be taken for another part of the line nor push
/// the end of it out.
fn failure(peer: SocketAddr, name: &[u8], by: &str, denial: Denial) -> String {
    let name = QuotedName(name);
    format!("{peer}: Login failed for {name}{by}: {denial}")
}
