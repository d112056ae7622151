//! USER, PASS and REIN: the login. RFC 959 §4.1.1.
//!
//! Every name gets the same 331, and every failure the same 530 after a delay that grows. The delay is a
//! timer, which blocks no other connection; it is measured from PASS, so that it hides the time of the
//! password hash (no timing side channel). `auth` verifies credentials and counts the failures of an
//! address. Commands before a login are rate-limited.

use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use log::Level;

use super::session_log::LineClass;
use super::{Action, Context, Deadline, Progress, Session, TransferParameters, closing};
use crate::auth::{
    Account, AuthenticatedUser, Denial, LoginCredentials, LoginFailure, Password, Permissions,
    ProvenBy,
};
use crate::clock::Instant;
use crate::limits::LOGIN_FAILURES;
use crate::observe::target;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::protocol::visible::{QuotedName, Visible};

/// The state of the login.
///
/// ```text
///   LoggedOut ──USER──▶ Claimed ──PASS, right──▶ LoggedIn
///       ▲                  └──PASS, wrong──┐        │
///       └──────────────────────────────────┴──REIN──┘     USER: to Claimed, from each state
/// ```
#[derive(Debug)]
pub(super) enum Login {
    LoggedOut,
    Claimed(Box<[u8]>),
    LoggedIn {
        user: AuthenticatedUser,
        /// The name as the client sent it, if it is not the account's.
        alias: Option<Box<[u8]>>,
        by: ProvenBy,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// PASS, with the time of its arrival.
    Password { since: Instant },
    /// The certificate of the TLS handshake.
    Certificate,
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoggedOut | Self::Claimed(_) => f.write_str("(not logged in)"),
            Self::LoggedIn { .. } => write!(f, "{}", Visible(self.name())),
        }
    }
}

impl Login {
    /// A login with the name that the client sent.
    pub(super) fn new(user: AuthenticatedUser, name: Box<[u8]>, by: ProvenBy) -> Self {
        let alias = alias(name, &user.account);
        Self::LoggedIn { user, alias, by }
    }

    /// Replaces the account of a logged-in client, whose name stays, and returns the one before.
    pub(super) fn renew(&mut self, account: Arc<Account>) -> Option<Arc<Account>> {
        let name = self.name().into();
        let Self::LoggedIn {
            user, alias: kept, ..
        } = self
        else {
            return None;
        };
        *kept = alias(name, &account);
        Some(mem::replace(&mut user.account, account))
    }

    /// The name as the client sent it; empty before the login.
    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::LoggedIn { user, alias, .. } => alias.as_deref().unwrap_or(&user.account.name),
            Self::LoggedOut | Self::Claimed(_) => b"",
        }
    }

    /// The name from USER, before the login.
    pub(super) fn claimed_name(&self) -> Option<&[u8]> {
        match self {
            Self::Claimed(name) => Some(name),
            Self::LoggedOut | Self::LoggedIn { .. } => None,
        }
    }

    /// Whether the account belongs to a user, and is not anonymous.
    pub(super) fn is_personal(&self) -> bool {
        self.account().is_some_and(Account::is_personal)
    }

    pub(super) const fn is_logged_in(&self) -> bool {
        matches!(self, Self::LoggedIn { .. })
    }

    pub(super) fn account(&self) -> Option<&Account> {
        match self {
            Self::LoggedIn { user, .. } => Some(&user.account),
            Self::LoggedOut | Self::Claimed(_) => None,
        }
    }

    /// Whether data connections to other hosts than the client's are allowed (FXP).
    pub(super) fn allows_fxp(&self) -> bool {
        self.account().is_some_and(|account| account.allow_fxp)
    }

    /// The permissions of the client; none before the login.
    pub(super) fn permissions(&self) -> Permissions {
        let permissions = self.account().map(|account| account.permissions);
        permissions.unwrap_or(Permissions::NONE)
    }
}

impl Session {
    /// USER ends the present login. "All transfer parameters are unchanged" (RFC 959 §4.1.1), and so are the
    /// settings of OPTS.
    pub(super) fn user(&mut self, name: &[u8], cx: &mut Context<'_>) {
        self.flush_account(cx);
        if !self.tls_permits_login(name, cx) {
            return;
        }
        self.login = Login::Claimed(name.into());
        if self.protection.certifies(name, cx.settings) {
            self.progress = Progress::Verifying(Proof::Certificate);
            return cx.action(Action::VerifyCertificate(name.to_vec()));
        }
        cx.reply(&Reply::need_password());
    }

    pub(super) fn pass(&mut self, password: &[u8], cx: &mut Context<'_>) {
        match &self.login {
            Login::Claimed(name) => {
                let name = name.clone();
                // A reload may have changed the policy since USER.
                if !self.tls_permits_login(&name, cx) {
                    self.login = Login::LoggedOut;
                    return;
                }
                self.progress = Progress::Verifying(Proof::Password { since: cx.now });
                cx.action(Action::Verify(LoginCredentials {
                    name: name.into_vec(),
                    password: Password::from(password),
                }));
            }
            Login::LoggedIn { .. } => cx.reply(&Reply::fixed(230, "Already logged in.")),
            Login::LoggedOut => cx.reply(&Reply::fixed(503, "Send USER first.")),
        }
    }

    pub(super) fn verified(
        &mut self,
        result: Result<AuthenticatedUser, LoginFailure>,
        cx: &mut Context<'_>,
    ) {
        let Progress::Verifying(proof) = self.progress else {
            return;
        };
        let Login::Claimed(name) = mem::replace(&mut self.login, Login::LoggedOut) else {
            return;
        };
        self.progress = Progress::Idle;
        match (result, proof) {
            // A reload may have changed the policy since PASS.
            (Ok(_), _) if !self.tls_permits_login(&name, cx) => {}
            (Ok(user), proof) => self.log_in(name, user, proof, cx),
            (Err(refusal), Proof::Certificate) => {
                if refusal.denial.is_proven() {
                    let text = failure_line(self.peer, &name, " by certificate", refusal.denial);
                    let text = format_args!("{text}");
                    self.log
                        .line(LineClass::Login, self.peer, cx.now, Level::Warn, text);
                }
                // A password may still be accepted. The reply does not reveal whether the account exists.
                self.login = Login::Claimed(name);
                cx.reply(&Reply::need_password());
            }
            (Err(refusal), Proof::Password { since }) => self.fail_login(&name, refusal, since, cx),
        }
    }

    fn log_in(
        &mut self,
        name: Box<[u8]>,
        user: AuthenticatedUser,
        proof: Proof,
        cx: &mut Context<'_>,
    ) {
        let text = format_args!("{}: Logged in as {}", self.peer, QuotedName(&name));
        self.log
            .line(LineClass::Login, self.peer, cx.now, Level::Info, text);
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
        cx.counts.logged_in();
        self.umask = user.account.umask;
        self.login = Login::new(user, name, by);
        cx.deadlines.clear(Deadline::Login);
        self.watch_expiry(cx);
    }

    pub(super) fn penalty_expired(&mut self, cx: &mut Context<'_>) {
        match mem::replace(&mut self.progress, Progress::Idle) {
            Progress::LoginDelayed(denial) => self.reply_denied(denial, cx),
            Progress::Throttled => {}
            other => self.progress = other,
        }
    }

    fn reply_denied(&mut self, denial: Denial, cx: &mut Context<'_>) {
        match denial {
            // Not the client's fault: it may retry later.
            Denial::SessionLimit => self.close(&closing::too_many("sessions of this account"), cx),
            Denial::Busy => self.close(&closing::too_many("logins at once"), cx),
            Denial::NoMemory => self.close(&Reply::service_not_available(), cx),
            _ if self.failures >= LOGIN_FAILURES => {
                self.close(&closing::too_many("failed logins"), cx);
            }
            _ => cx.reply(&Reply::not_logged_in()),
        }
    }

    /// REIN resets the session to its state after the greeting (RFC 959 §4.1.1). A transfer in progress has
    /// ended before, since commands wait for it.
    pub(super) fn reinitialize(&mut self, cx: &mut Context<'_>) {
        self.flush_account(cx);
        self.params = TransferParameters::default();
        self.protection.reset_data();
        cx.reply(&cx.settings.greeting_reply());
    }

    pub(super) fn flush_account(&mut self, cx: &mut Context<'_>) {
        self.login = Login::LoggedOut;
        cx.deadlines.clear(Deadline::Expiry);
        self.directory = VirtualPath::root();
        self.umask = None;
        self.params.clear_transfer();
        self.rename_from = None;
        self.idle = None;
        cx.action(Action::CloseDataConnection);
        if !cx.deadlines.is_set(Deadline::Login) {
            let login = cx.now + cx.settings.timings.login;
            cx.deadlines.set(Deadline::Login, login);
        }
    }

    /// A successful login does not reset the failures of the session: otherwise a user could guess another
    /// account's password and log in to the own account between the guesses.
    fn fail_login(
        &mut self,
        name: &[u8],
        refusal: LoginFailure,
        since: Instant,
        cx: &mut Context<'_>,
    ) {
        let LoginFailure { denial, failures } = refusal;
        cx.counts.login_failed(denial.label());
        self.failures = self.failures.saturating_add(1);
        // The server's shortage is logged as such: this line may have a client banned.
        if denial != Denial::NoMemory {
            let text = failure_line(self.peer, name, "", denial);
            log::warn!(target: target::SECURITY, "{text}");
        }
        if denial == Denial::Banned {
            return self.close(&Reply::service_not_available(), cx);
        }
        self.progress = Progress::LoginDelayed(denial);
        let failures = failures.max(self.failures.into());
        let delay = cx.settings.timings.penalty.saturating_mul(failures);
        let delay = delay.min(cx.settings.throttling.longest_penalty);
        cx.deadlines.set(Deadline::Penalty, since + delay);
    }

    /// Takes a token for a command before the login. If none is left, the next command waits.
    pub(super) fn throttle(&mut self, cx: &mut Context<'_>) {
        let rate = cx.settings.throttling.commands;
        self.command_rate.take(rate, cx.now);
        if matches!(self.progress, Progress::Idle)
            && let Some(next) = self.command_rate.next_at(rate, cx.now)
        {
            self.progress = Progress::Throttled;
            cx.deadlines.set(Deadline::Penalty, next);
        }
    }
}

/// The name that the client sent, unless it is the account's.
fn alias(name: Box<[u8]>, account: &Account) -> Option<Box<[u8]>> {
    (*name != *account.name).then_some(name)
}

/// The log line of a failed login, which `src/guide/fail2ban.conf` matches. The client chooses the name: it
/// is quoted and truncated, so that it can neither imitate another part of the line nor push its end out.
fn failure_line(peer: SocketAddr, name: &[u8], by: &str, denial: Denial) -> String {
    let name = QuotedName(name);
    format!("{peer}: Login failed for {name}{by}: {denial}")
}
