//! The state of a session as the server must have it: login, directory, TYPE, data connection, TLS.
//!
//! Commands execute in order and replies arrive in order, so a command executes in the state after the
//! previous reply. Each reply is checked against the [rules](super::reply_rules) for codes and the
//! [facts](super::reply_facts) in its text, and then advances the state. Where a reply leaves open what the
//! server kept, the state is equally open.

use std::time::Duration;

use mioftpd::{Permissions, TlsRequired};

use super::RunConfig;
use super::conversation::{CommandKind, PendingCommand};
use super::login_state::LoginState;
use crate::world::LastFaults;

/// How the next data connection is to be established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataSetup {
    Nothing,
    /// PASV or EPSV, sent at this time.
    Passive(Duration),
    /// As before, but the server may have closed it: it was kept from a refused command, or was given up for
    /// a port that was not available.
    Kept,
    Active,
}

/// TLS on the control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlChannel {
    Clear,
    Secured,
    /// In the clear again, after CCC.
    Cleared,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Debug)]
pub(super) struct SessionModel {
    login_state: LoginState,
    directory: String,
    is_ascii: bool,
    /// The offset of a REST.
    restart: u64,
    /// A RNFR was accepted by the previous command.
    renames: bool,
    data_setup: DataSetup,
    /// When the last PASV or EPSV with a port was sent.
    data_setup_since: Duration,
    /// EPSV ALL is in force.
    is_extended_only: bool,
    /// OPTS MLST has selected the size only.
    tells_sizes_only: bool,
    control: ControlChannel,
    has_buffer_size: bool,
    /// PROT P is in force; and the initial value of that.
    is_protected: bool,
    is_protected_at_first: bool,
    /// Failed logins of this session.
    failed_logins: u32,
    long_lines: u32,
    /// When the command was sent after which no user is logged in, or the connection was made.
    outside_since: Duration,
    /// When the last answered command was sent.
    last_answered_sent_at: Duration,
    /// When its reply arrived.
    answered_at: Duration,
}

/// Facts outside the session at the time of a reply. Plain data.
pub(super) struct ReplyContext<'a> {
    pub(super) config: &'a RunConfig,
    pub(super) now: Duration,
    /// When each kind of fault last affected the server.
    pub(super) last_faults: LastFaults,
    /// An ABOR is pending.
    pub(super) aborts: bool,
    /// The client has half-closed.
    pub(super) has_ended: bool,
    /// When the server's kernel had received all that was sent; `None`: not yet.
    pub(super) facts_of: Option<Duration>,
}

impl SessionModel {
    /// The state after the greeting; with implicit TLS, the handshake is complete by then.
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
            last_answered_sent_at: Duration::ZERO,
            answered_at: Duration::ZERO,
        }
    }

    /// The connection is made.
    pub(super) const fn connected(&mut self, now: Duration) {
        self.outside_since = now;
        self.last_answered_sent_at = now;
    }

    pub(super) const fn is_in(&self) -> bool {
        matches!(self.login_state, LoginState::LoggedIn(..))
    }

    pub(super) const fn login_state(&self) -> LoginState {
        self.login_state
    }

    pub(super) const fn failed_logins(&self) -> u32 {
        self.failed_logins
    }

    pub(super) const fn long_lines(&self) -> u32 {
        self.long_lines
    }

    /// Since when no user is logged in, if that is so.
    pub(super) const fn outside_since(&self) -> Duration {
        self.outside_since
    }

    /// When the last answered command was sent, or the connection was made.
    pub(super) const fn last_answered_sent_at(&self) -> Duration {
        self.last_answered_sent_at
    }

    /// When the last reply arrived.
    pub(super) const fn answered_at(&self) -> Duration {
        self.answered_at
    }

    pub(super) const fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// The offset at which the next transfer starts.
    pub(super) const fn restart(&self) -> u64 {
        self.restart
    }

    /// Whether a RNTO may follow.
    pub(super) const fn renames(&self) -> bool {
        self.renames
    }

    pub(super) const fn data_setup(&self) -> DataSetup {
        self.data_setup
    }

    /// When the last PASV or EPSV with a port was sent.
    pub(super) const fn data_setup_since(&self) -> Duration {
        self.data_setup_since
    }

    pub(super) const fn is_extended_only(&self) -> bool {
        self.is_extended_only
    }

    pub(super) const fn tells_sizes_only(&self) -> bool {
        self.tells_sizes_only
    }

    pub(super) const fn channel(&self) -> ControlChannel {
        self.control
    }

    pub(super) fn is_secured(&self) -> bool {
        self.control == ControlChannel::Secured
    }

    /// Whether PROT may follow: TLS has started, and PBSZ was accepted.
    pub(super) fn may_protect(&self) -> bool {
        self.is_secured() && self.has_buffer_size
    }

    pub(super) const fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// The current directory as PWD prints it.
    pub(super) fn shown_directory(&self) -> &str {
        if self.directory.is_empty() {
            "/"
        } else {
            &self.directory
        }
    }

    /// Whether the policy requires TLS for this and the control connection has none.
    pub(super) fn lacks_tls(&self, needed: TlsRequired, config: &RunConfig) -> bool {
        !self.is_secured() && requires(config, needed)
    }

    /// Resolves an argument against the current directory.
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

    /// The target of a CWD or CDUP.
    pub(super) fn target(&self, command: &PendingCommand) -> String {
        match command.verb() {
            "CDUP" => self.join(".."),
            _ => self.join(command.argument()),
        }
    }

    /// Advances the state by a legal final reply.
    pub(super) fn follow(
        &mut self,
        command: &PendingCommand,
        code: u16,
        context: &ReplyContext<'_>,
    ) {
        self.last_answered_sent_at = command.since;
        self.answered_at = context.now;
        self.forget(command);
        let was_in = self.is_in();
        if code == 530
            && !was_in
            && command.kind != CommandKind::Pass
            && command.kind != CommandKind::User
        {
            return;
        }
        match (command.kind, code) {
            (CommandKind::User, _) => {
                self.flush(command.since);
                if code == 331 {
                    self.login_state = LoginState::user_sent(command.argument());
                }
            }
            (CommandKind::Pass, 230) => {
                self.login_state = self.login_state.granted(command.since, context.now);
            }
            (CommandKind::Pass, 530) => {
                self.login_state = LoginState::LoggedOut;
                self.failed_logins += 1;
            }
            (CommandKind::Rein, 220) => {
                self.flush(command.since);
                self.is_ascii = true;
                self.is_extended_only = false;
                self.tells_sizes_only = false;
                self.has_buffer_size = false;
                self.is_protected = self.is_protected_at_first;
            }
            (CommandKind::Cwd, 250) => self.directory = self.target(command),
            (CommandKind::Rnfr, 350) => self.renames = true,
            (CommandKind::Type, 200) => self.is_ascii = command.argument() == "A",
            (CommandKind::Opts, 200) => {
                self.tells_sizes_only |= command.argument() == "MLST size;";
            }
            (CommandKind::TooLong, _) => {
                self.long_lines += 1;
                self.keep();
            }
            (CommandKind::Rest, 350) => self.restart = command.argument().parse().unwrap_or(0),
            _ => self.follow_on_channel(command, code),
        }
    }

    /// As [`follow`](Self::follow), for data connections and TLS.
    fn follow_on_channel(&mut self, command: &PendingCommand, code: u16) {
        match (command.kind, code) {
            (CommandKind::Passive, 227 | 229) => {
                self.data_setup = DataSetup::Passive(command.since);
                self.data_setup_since = command.since;
            }
            (CommandKind::Passive, 425) => self.has_no_port(),
            (CommandKind::EpsvAll, 200) => self.is_extended_only = true,
            (CommandKind::Port, 200) => self.data_setup = DataSetup::Active,
            (CommandKind::Auth | CommandKind::AuthPrivate | CommandKind::AuthAndMore, 234) => {
                self.flush(command.since);
                self.control = ControlChannel::Secured;
                self.is_protected = command.kind == CommandKind::AuthPrivate;
            }
            (CommandKind::Ccc, 200) => self.control = ControlChannel::Cleared,
            (CommandKind::Pbsz, 200) => self.has_buffer_size = true,
            (CommandKind::ProtPrivate, 200) => self.is_protected = true,
            (CommandKind::ProtClear, 200) => self.is_protected = false,
            (CommandKind::Abor, _) => self.data_setup = DataSetup::Nothing,
            // The transfer has ended, lost its connection, or was aborted while usage was being counted.
            (kind, code) if kind.is_transfer() && (command.begun || matches!(code, 425 | 426)) => {
                self.data_setup = DataSetup::Nothing;
            }
            (kind, _) if kind.is_transfer() => self.keep(),
            (CommandKind::Garbage, _) if command.verb() == "RETR" => self.keep(),
            _ => {}
        }
    }

    /// RNTO must follow RNFR directly, and RETR or STOR must follow REST; commands that set up the data
    /// connection may come between.
    fn forget(&mut self, command: &PendingCommand) {
        self.renames = false;
        let keeps_offset = matches!(
            command.kind,
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

    /// The failed command may have released the previous port, or waited in the place of the address of PORT.
    fn has_no_port(&mut self) {
        if self.data_setup != DataSetup::Nothing {
            self.data_setup = DataSetup::Kept;
        }
    }

    /// A passive data connection is kept for the next command, unless data arrives on it.
    fn keep(&mut self) {
        if matches!(self.data_setup, DataSetup::Passive(_)) {
            self.data_setup = DataSetup::Kept;
        }
    }

    /// Resets what belongs to the login (USER, REIN, AUTH).
    fn flush(&mut self, sent_at: Duration) {
        if self.is_in() {
            self.outside_since = sent_at;
        }
        self.login_state = LoginState::LoggedOut;
        self.directory.clear();
        self.data_setup = DataSetup::Nothing;
        self.restart = 0;
        self.renames = false;
    }
}

/// The permission that a transfer needs.
pub(super) const fn needed_for(kind: CommandKind) -> Permissions {
    match kind {
        CommandKind::Fetch => Permissions::RETRIEVE,
        CommandKind::List => Permissions::LIST,
        _ => Permissions::CREATE,
    }
}

/// Whether the policy requires TLS for this.
pub(super) fn requires(config: &RunConfig, what: TlsRequired) -> bool {
    let tls = config.tls.as_ref();
    tls.is_some_and(|tls| tls.policy.require >= what)
}
