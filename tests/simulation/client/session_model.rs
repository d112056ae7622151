//! A session as the server must have it: who is logged in, where, in which TYPE, with what arranged.
//!
//! Commands are executed in their order and replies come in it, so the state in which a command was
//! executed is the one after the reply before. Each reply is held to it by the [rules](super::reply_rules)
//! and the [facts](super::reply_facts) in its text, and then it says what follows. Where a reply leaves
//! open what the server has kept, so does the state.

use std::time::Duration;

use mioftpd::auth::Permissions;
use mioftpd::session::TlsRequired;

use super::RunConfig;
use super::conversation::{CommandKind, PendingCommand};
use super::profile::Login;
use crate::world::LastFaults;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoginState {
    LoggedOut,
    /// By USER.
    UserSent(Login),
    LoggedIn(Login, LoginTime),
}

/// Between these two times a login was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoginTime {
    said: Duration,
    heard: Duration,
}

/// How the next data connection shall come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataSetup {
    Nothing,
    /// The client comes: to a port that it was told after then.
    Passive(Duration),
    /// The same, and the server may have closed it: it was kept from a refused command, or its port
    /// was given up for another one, which was not to be had.
    Kept,
    Active,
}

/// The control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlChannel {
    Clear,
    Secured,
    /// By CCC.
    Cleared,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Debug)]
pub(super) struct SessionModel {
    pub(super) login_state: LoginState,
    pub(super) directory: String,
    pub(super) is_ascii: bool,
    /// By REST.
    pub(super) restart: u64,
    /// RNFR has been accepted.
    pub(super) renames: bool,
    pub(super) data_setup: DataSetup,
    /// When it was said that last arranged one.
    pub(super) data_setup_since: Duration,
    /// By EPSV ALL.
    pub(super) is_extended_only: bool,
    /// MLST tells sizes only.
    pub(super) tells_sizes_only: bool,
    pub(super) control: ControlChannel,
    pub(super) has_buffer_size: bool,
    /// Data connections are secured; and after the greeting.
    pub(super) is_protected: bool,
    pub(super) is_protected_at_first: bool,
    /// Of this session.
    pub(super) failed_logins: u32,
    pub(super) long_lines: u32,
    /// Nobody has been logged in since a command that was said then, or the connection.
    pub(super) outside_since: Duration,
    /// When the last command that was answered had been said.
    pub(super) answered: Duration,
    /// When that was heard.
    pub(super) heard: Duration,
}

/// What there is beside the session when a reply is heard.
pub(super) struct ReplyContext<'a> {
    pub(super) config: &'a RunConfig,
    pub(super) now: Duration,
    /// What has struck the server last.
    pub(super) last_faults: LastFaults,
    /// An ABOR has been said that is not answered yet.
    pub(super) aborts: bool,
    /// The client has ended its side.
    pub(super) has_ended: bool,
    /// When the last of what was said came down at the server; `None`: it has not.
    pub(super) facts_of: Option<Duration>,
}

impl SessionModel {
    /// After the greeting; with implicit TLS everything is secured by then.
    pub(super) const fn new(is_implicit: bool) -> Self {
        Self {
            login_state: LoginState::LoggedOut,
            directory: String::new(),
            is_ascii: true,
            restart: 0,
            renames: false,
            data_setup: DataSetup::Nothing,
            data_setup_since: Duration::ZERO,
            is_extended_only: false,
            tells_sizes_only: false,
            control: if is_implicit {
                ControlChannel::Secured
            } else {
                ControlChannel::Clear
            },
            has_buffer_size: false,
            is_protected: is_implicit,
            is_protected_at_first: is_implicit,
            failed_logins: 0,
            long_lines: 0,
            outside_since: Duration::ZERO,
            answered: Duration::ZERO,
            heard: Duration::ZERO,
        }
    }

    pub(super) const fn is_in(&self) -> bool {
        matches!(self.login_state, LoginState::LoggedIn(..))
    }

    /// The current directory, as PWD has it.
    pub(super) fn shown_directory(&self) -> &str {
        if self.directory.is_empty() {
            "/"
        } else {
            &self.directory
        }
    }

    /// Whether the policy has TLS for this, and the control connection has none.
    pub(super) fn lacks_tls(&self, needed: TlsRequired, config: &RunConfig) -> bool {
        self.control != ControlChannel::Secured && requires(config, needed)
    }

    /// Where an argument leads from here.
    pub(super) fn join(&self, argument: &str) -> String {
        let mut parts: Vec<&str> = Vec::new();
        let from_here = !argument.starts_with('/');
        let here = self.directory.split('/').filter(|_| from_here);
        for part in here.chain(argument.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                name => parts.push(name),
            }
        }
        let parts = parts.into_iter().flat_map(|part| ["/", part]);
        parts.collect()
    }

    /// Where CWD or CDUP leads.
    pub(super) fn target(&self, said: &PendingCommand) -> String {
        match said.verb() {
            "CDUP" => self.join(".."),
            _ => self.join(said.argument()),
        }
    }

    /// What the client may do when a command is executed that was said then: before a reload and after
    /// it, where it is not known which.
    pub(super) fn permissions(
        &self,
        said: Duration,
        context: &ReplyContext<'_>,
    ) -> [Permissions; 2] {
        let LoginState::LoggedIn(login, since) = self.login_state else {
            return [Permissions::NONE; 2];
        };
        let before = context.config.permissions_of(login).unwrap_or_default();
        let Some(reload) = &context.config.reload else {
            return [before; 2];
        };
        let after = reload.permissions(login, before).unwrap_or(before);
        // Sessions that are kept keep what they had when they began.
        let span = if reload.keeps_sessions() {
            since
        } else {
            LoginTime {
                said,
                heard: context.now,
            }
        };
        match (reload.has_come(span.heard), reload.is_over(span.said)) {
            (false, _) => [before; 2],
            (true, true) => [after; 2],
            (true, false) => [before, after],
        }
    }

    /// Since when the client may not do this any more, which it could do when it logged in: then a
    /// transfer that makes use of it is cut.
    pub(super) fn lost_since(&self, needed: Permissions, config: &RunConfig) -> Option<Duration> {
        let LoginState::LoggedIn(login, _) = self.login_state else {
            return None;
        };
        let reload = config.reload.filter(|one| !one.keeps_sessions())?;
        let before = config.permissions_of(login)?;
        let after = reload.permissions(login, before)?;
        let is_lost = before.contains(needed) && !after.contains(needed);
        is_lost.then_some(reload.at)
    }

    /// Takes what follows from a final reply that is right.
    pub(super) fn follow(&mut self, said: &PendingCommand, code: u16, context: &ReplyContext<'_>) {
        self.answered = said.since;
        self.heard = context.now;
        self.forget(said);
        let was_in = self.is_in();
        if code == 530
            && !was_in
            && said.kind != CommandKind::Pass
            && said.kind != CommandKind::User
        {
            return;
        }
        match (said.kind, code) {
            (CommandKind::User, _) => {
                self.flush(said.since);
                if code == 331 {
                    self.login_state = LoginState::UserSent(login_of(said.argument()));
                }
            }
            (CommandKind::Pass, 230) => {
                if let LoginState::UserSent(login) = self.login_state {
                    let (said, heard) = (said.since, context.now);
                    self.login_state = LoginState::LoggedIn(login, LoginTime { said, heard });
                }
            }
            (CommandKind::Pass, 530) => {
                self.login_state = LoginState::LoggedOut;
                self.failed_logins += 1;
            }
            (CommandKind::Rein, 220) => {
                self.flush(said.since);
                self.is_ascii = true;
                self.is_extended_only = false;
                self.tells_sizes_only = false;
                self.has_buffer_size = false;
                self.is_protected = self.is_protected_at_first;
            }
            (CommandKind::Cwd, 250) => self.directory = self.target(said),
            (CommandKind::Rnfr, 350) => self.renames = true,
            (CommandKind::Type, 200) => self.is_ascii = said.argument() == "A",
            (CommandKind::Opts, 200) => {
                self.tells_sizes_only |= said.argument() == "MLST size;";
            }
            (CommandKind::TooLong, _) => {
                self.long_lines += 1;
                self.keep();
            }
            (CommandKind::ServerConfig, 350) => self.restart = said.argument().parse().unwrap_or(0),
            _ => self.follow_on_channel(said, code),
        }
    }

    /// The same, of what concerns data connections, and TLS.
    fn follow_on_channel(&mut self, said: &PendingCommand, code: u16) {
        match (said.kind, code) {
            (CommandKind::Passive, 227 | 229) => {
                self.data_setup = DataSetup::Passive(said.since);
                self.data_setup_since = said.since;
            }
            // The last free port may be the one that was given up for it.
            (CommandKind::Passive, 425) => self.keep(),
            (CommandKind::EpsvAll, 200) => self.is_extended_only = true,
            (CommandKind::Port, 200) => self.data_setup = DataSetup::Active,
            (CommandKind::Auth | CommandKind::AuthPrivate | CommandKind::AuthAndMore, 234) => {
                self.flush(said.since);
                self.control = ControlChannel::Secured;
                self.is_protected = said.kind == CommandKind::AuthPrivate;
            }
            (CommandKind::Ccc, 200) => self.control = ControlChannel::Cleared,
            (CommandKind::Pbsz, 200) => self.has_buffer_size = true,
            (CommandKind::ProtPrivate, 200) => self.is_protected = true,
            (CommandKind::ProtClear, 200) => self.is_protected = false,
            (CommandKind::Abor, _) => self.data_setup = DataSetup::Nothing,
            // It is over; or it was lost, withdrawn, or given up while files were counted.
            (kind, code) if kind.is_transfer() && (said.begun || matches!(code, 425 | 426)) => {
                self.data_setup = DataSetup::Nothing;
            }
            (kind, _) if kind.is_transfer() => self.keep(),
            (CommandKind::Garbage, _) if said.verb() == "RETR" => self.keep(),
            _ => {}
        }
    }

    /// RNTO must follow at once, and so must what REST is for; some announce it in between.
    fn forget(&mut self, said: &PendingCommand) {
        self.renames = false;
        let keeps_offset = matches!(
            said.kind,
            CommandKind::Passive
                | CommandKind::EpsvAll
                | CommandKind::Port
                | CommandKind::Bounce
                | CommandKind::Help
        );
        if !keeps_offset {
            self.restart = 0;
        }
    }

    /// A data connection that the client makes is kept, if nothing comes over it.
    fn keep(&mut self) {
        if matches!(self.data_setup, DataSetup::Passive(_)) {
            self.data_setup = DataSetup::Kept;
        }
    }

    /// The account is another one from here on.
    fn flush(&mut self, said: Duration) {
        if self.is_in() {
            self.outside_since = said;
        }
        self.login_state = LoginState::LoggedOut;
        self.directory.clear();
        self.data_setup = DataSetup::Nothing;
        self.restart = 0;
        self.renames = false;
    }
}

/// What a transfer needs to be allowed.
pub(super) const fn needed_for(kind: CommandKind) -> Permissions {
    match kind {
        CommandKind::Fetch => Permissions::RETRIEVE,
        CommandKind::List => Permissions::LIST,
        _ => Permissions::CREATE,
    }
}

/// Whether without TLS this is refused.
pub(super) fn requires(config: &RunConfig, what: TlsRequired) -> bool {
    let tls = config.tls.as_ref();
    tls.is_some_and(|tls| tls.policy.require >= what)
}

fn login_of(name: &str) -> Login {
    if name == "anonymous" {
        Login::Anonymous
    } else {
        Login::Named
    }
}
