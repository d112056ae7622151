//! The legal final codes of each command, by the state in which it executes. There is one, except where the
//! disk, the network or other clients decide; then each code is listed where it is allowed.
//!
//! A disk fault excuses a refusal only if it occurred after the command was sent. Other clients excuse one
//! only for names that they change too, in `/misc` and `/shared`.

#![expect(
    clippy::match_same_arms,
    reason = "a table: a row for each command, in the order of the server's"
)]

use mioftpd::{Permissions, TlsRequired};

use super::conversation::{CommandKind, PendingCommand};
use super::login_state::LoginState;
use super::profile::Login;
use super::session_model::{
    ControlChannel, DataSetup, ReplyContext, SessionModel, needed_for, requires,
};

/// The commands of RFC 959; control-only mode knows no others.
const OF_RFC_959: [&str; 33] = [
    "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU",
    "MODE", "RETR", "STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD",
    "MKD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT", "HELP", "NOOP",
];

/// The legal outcomes of a transfer command before its 150. Plain data.
pub(super) struct TransferStart {
    pub(super) refusals: Vec<u16>,
    pub(super) may_begin: bool,
}

impl SessionModel {
    /// The legal final codes.
    pub(super) fn expected(
        &self,
        command: &PendingCommand,
        context: &ReplyContext<'_>,
    ) -> Vec<u16> {
        let config = context.config;
        if config.control_only {
            return vec![control_only(command)];
        }
        if !self.is_in() && needs_login(command) {
            return vec![530];
        }
        match command.kind {
            CommandKind::User | CommandKind::Pass => self.expected_of_login(command, context),
            CommandKind::Rein => vec![220],
            CommandKind::Quit => vec![221],
            CommandKind::Noop | CommandKind::Type | CommandKind::EpsvAll => vec![200],
            CommandKind::Stat | CommandKind::Feat => vec![211],
            CommandKind::Syst => vec![215],
            CommandKind::Help if command.argument() == "XYZ" => vec![502],
            CommandKind::Help => vec![214],
            CommandKind::Opts if command.argument() == "X" => vec![501],
            CommandKind::Opts => vec![200],
            CommandKind::TooLong | CommandKind::Foreign => vec![500],
            CommandKind::Garbage => vec![self.expected_of_garbage(command)],
            CommandKind::Auth | CommandKind::AuthPrivate
                if self.channel() == ControlChannel::Clear =>
            {
                vec![234]
            }
            // The pipelined command may arrive with AUTH, or later.
            CommandKind::AuthAndMore if self.channel() == ControlChannel::Clear => vec![234, 503],
            CommandKind::Auth | CommandKind::AuthPrivate | CommandKind::AuthAndMore => vec![503],
            CommandKind::Pbsz => vec![if self.is_secured() { 200 } else { 503 }],
            CommandKind::ProtClear | CommandKind::ProtPrivate if !self.may_protect() => vec![503],
            CommandKind::ProtClear if requires(config, TlsRequired::Data) => vec![534],
            CommandKind::ProtClear | CommandKind::ProtPrivate => vec![200],
            CommandKind::Ccc => {
                let tls = config.tls.as_ref();
                let may = self.is_secured() && tls.is_some_and(|tls| tls.policy.allow_clear);
                vec![if may { 200 } else { 533 }]
            }
            CommandKind::Fetch | CommandKind::Store | CommandKind::List if command.begun => {
                self.endings(command, context)
            }
            CommandKind::Fetch | CommandKind::Store | CommandKind::List => {
                self.transfer_start(command, context).refusals
            }
            _ => self.expected_of_channel(command, context),
        }
    }

    fn expected_of_login(&self, command: &PendingCommand, context: &ReplyContext<'_>) -> Vec<u16> {
        let config = context.config;
        if command.kind == CommandKind::User {
            let needed = match command.argument() {
                "anonymous" => TlsRequired::Control,
                _ => TlsRequired::Login,
            };
            let is_refused = self.lacks_tls(needed, config);
            return vec![if is_refused { 530 } else { 331 }];
        }
        let login = match self.login_state() {
            LoginState::LoggedOut => return vec![503],
            LoginState::LoggedIn(..) => return vec![230],
            LoginState::UserSent(login) => login,
        };
        if login == Login::Named && command.argument() != "secret" {
            return vec![530];
        }
        let Some(before) = config.permissions_of(login) else {
            return vec![530];
        };
        let reload = config.reload.as_ref();
        match reload.filter(|one| one.permissions(login, before).is_none()) {
            Some(reload) if reload.is_over(command.since) => vec![530],
            Some(reload) if reload.has_come(context.now) => vec![230, 530],
            _ => vec![230],
        }
    }

    fn expected_of_garbage(&self, command: &PendingCommand) -> u16 {
        match (command.verb(), command.argument()) {
            ("NOOP" | "RETR" | "ABOR", _) => 501,
            ("PROT", _) if !self.may_protect() => 503,
            ("PROT", _) => 536,
            ("AUTH", _) => 504,
            _ => 500,
        }
    }

    fn expected_of_channel(
        &self,
        command: &PendingCommand,
        context: &ReplyContext<'_>,
    ) -> Vec<u16> {
        let since = command.since;
        match command.kind {
            CommandKind::Passive if self.is_extended_only() && command.verb() == "PASV" => {
                vec![503]
            }
            CommandKind::Passive => {
                let mut codes = vec![if command.verb() == "PASV" { 227 } else { 229 }];
                let gives_up = context.config.has_range && context.aborts;
                if context.lacked_descriptor(since) || context.lacked_port(since) || gives_up {
                    codes.push(425);
                }
                codes
            }
            CommandKind::Port | CommandKind::Bounce if self.is_extended_only() => vec![503],
            CommandKind::Port => vec![200],
            CommandKind::Bounce => vec![501],
            CommandKind::Rest => {
                let digits = command.argument().bytes().all(|byte| byte.is_ascii_digit());
                vec![if digits { 350 } else { 501 }]
            }
            CommandKind::Abor => match self.data_setup() {
                DataSetup::Nothing => vec![226],
                DataSetup::Active => vec![225],
                DataSetup::Passive(_) | DataSetup::Kept if self.may_be_lost(context) => {
                    vec![225, 226]
                }
                DataSetup::Passive(_) | DataSetup::Kept => vec![225],
            },
            _ => self.expected_of_files(command, context),
        }
    }

    /// Commands on a path.
    fn expected_of_files(&self, command: &PendingCommand, context: &ReplyContext<'_>) -> Vec<u16> {
        let path = self.join(command.argument());
        let is_shared = path.starts_with("/misc/d");
        let (needed, codes) = match command.kind {
            CommandKind::Pwd => return vec![257],
            CommandKind::Cwd => {
                let code = if is_directory(&self.target(command)) {
                    250
                } else {
                    550
                };
                return context.on_disk(command, vec![code]);
            }
            CommandKind::Mkd => (Permissions::MAKE_DIRECTORIES, vec![257, 550]),
            CommandKind::Rmd => (Permissions::REMOVE_DIRECTORIES, vec![250, 550]),
            // The client's own file exists, since it only deletes files that it knows.
            CommandKind::Dele if path == "/misc/none" => (Permissions::DELETE, vec![550]),
            CommandKind::Dele => (Permissions::DELETE, vec![250]),
            CommandKind::Rnfr if is_shared => (Permissions::RENAME, vec![350, 550]),
            CommandKind::Rnfr => (Permissions::RENAME, vec![550]),
            CommandKind::Rnto if !self.renames() => return vec![503],
            // The source may no longer exist; the target may be a directory.
            CommandKind::Rnto => (Permissions::RENAME, vec![250, 550, 553]),
            CommandKind::Size => (
                Permissions::READ,
                vec![if is_file(&path) { 213 } else { 550 }],
            ),
            CommandKind::Mdtm => (
                Permissions::READ,
                vec![if is_there(&path) { 213 } else { 550 }],
            ),
            CommandKind::Mlst => (
                Permissions::LIST,
                vec![if is_there(&path) { 250 } else { 550 }],
            ),
            CommandKind::StatPath => (
                Permissions::LIST,
                vec![if is_there(&path) { 213 } else { 550 }],
            ),
            other => unreachable!("{other:?} has its rule elsewhere"),
        };
        let is_any_enough = matches!(command.kind, CommandKind::Size | CommandKind::Mdtm);
        let may = |has: Permissions| {
            if is_any_enough {
                has.intersects(needed)
            } else {
                has.contains(needed)
            }
        };
        let codes = context.on_disk(command, codes);
        match self
            .login_state()
            .permissions(command.since, context)
            .map(may)
        {
            [true, true] => codes,
            [false, false] => vec![550],
            _ => [codes, vec![550]].concat(),
        }
    }

    /// The outcomes before the 150, in the order of the server's checks.
    pub(super) fn transfer_start(
        &self,
        command: &PendingCommand,
        context: &ReplyContext<'_>,
    ) -> TransferStart {
        let refused = |code: u16| TransferStart {
            refusals: vec![code],
            may_begin: false,
        };
        if context.config.control_only || !self.is_in() {
            return refused(530);
        }
        let needed = needed_for(command.kind);
        let rights = self.login_state().permissions(command.since, context);
        let may = rights.map(|has| has.contains(needed));
        if may == [false; 2] {
            return refused(550);
        }
        let mut transfer_start = self.opening_with_rights(command, context);
        if may != [true; 2] {
            // The permission was missing, or was revoked after the check.
            transfer_start.refusals.extend([550, 425]);
        }
        transfer_start
    }

    fn opening_with_rights(
        &self,
        command: &PendingCommand,
        context: &ReplyContext<'_>,
    ) -> TransferStart {
        let mut refusals = Vec::new();
        let is_offset_refused =
            command.kind == CommandKind::Fetch && self.restart() > 0 && self.is_ascii();
        let is_in_the_clear = !self.is_protected() && requires(context.config, TlsRequired::Data);
        let certain = match self.data_setup() {
            _ if is_offset_refused => Some(554),
            DataSetup::Nothing => Some(425),
            _ if is_in_the_clear => Some(522),
            _ => None,
        };
        if let Some(code) = certain {
            let mut refusals = vec![code];
            if code == 522 && self.may_be_lost(context) {
                refusals.push(425);
            }
            return TransferStart {
                refusals,
                may_begin: false,
            };
        }
        if self.may_be_lost(context) {
            refusals.push(425);
        }
        let argument = command.argument();
        let path = self.join(argument.strip_prefix("-R ").unwrap_or(argument));
        let may_begin = match command.kind {
            CommandKind::Fetch if path.starts_with("/shared/") => {
                refusals.push(550);
                true
            }
            CommandKind::Fetch if is_file(&path) || path.starts_with("/up/") => true,
            CommandKind::List if is_directory(&path) => true,
            CommandKind::Store => true,
            _ => {
                refusals.push(550);
                false
            }
        };
        let (since, writes) = (command.since, command.kind == CommandKind::Store);
        if context.has_failed(since) {
            refusals.push(451);
        }
        if writes && context.was_full(since) {
            refusals.push(452);
        }
        if writes && context.was_beyond_quota(since) {
            refusals.push(552);
        }
        if writes && context.was_uncounted(since) {
            // The transfer may be aborted while it waits for the count.
            let gives_up = context.aborts || context.has_ended;
            refusals.extend([Some(450), gives_up.then_some(426)].into_iter().flatten());
        }
        TransferStart {
            refusals,
            may_begin,
        }
    }

    /// The final codes after a 150. Whether the data connection excuses 425 or 426 is checked in
    /// `transfer_ends`.
    fn endings(&self, command: &PendingCommand, context: &ReplyContext<'_>) -> Vec<u16> {
        let (since, writes) = (command.since, command.kind == CommandKind::Store);
        let mut codes = vec![226, 425, 426];
        if context.has_failed(since) {
            codes.push(451);
        }
        // Also if the count timed out and the last known usage leaves no room.
        if writes && (context.was_beyond_quota(since) || context.was_uncounted(since)) {
            codes.push(552);
        }
        if writes && context.was_full(since) {
            codes.push(452);
        }
        if self.is_protected() {
            codes.push(522);
        }
        codes
    }
}

fn control_only(command: &PendingCommand) -> u16 {
    match (command.kind, command.verb()) {
        (CommandKind::Quit, _) => 221,
        (CommandKind::Noop, _) | (_, "NOOP") => 200,
        (_, verb) if OF_RFC_959.contains(&verb) && command.kind != CommandKind::TooLong => 502,
        _ => 500,
    }
}

/// Whether a command is refused before the login, whatever its argument.
fn needs_login(command: &PendingCommand) -> bool {
    match command.kind {
        CommandKind::User
        | CommandKind::Pass
        | CommandKind::Quit
        | CommandKind::Noop
        | CommandKind::Stat
        | CommandKind::Feat => false,
        CommandKind::Syst
        | CommandKind::Opts
        | CommandKind::Help
        | CommandKind::TooLong
        | CommandKind::Foreign => false,
        CommandKind::Auth
        | CommandKind::AuthPrivate
        | CommandKind::AuthAndMore
        | CommandKind::Pbsz => false,
        CommandKind::ProtClear | CommandKind::ProtPrivate => false,
        CommandKind::Garbage => matches!(command.verb(), "RETR" | "ABOR"),
        _ => true,
    }
}

/// Directories that no client changes.
fn is_directory(path: &str) -> bool {
    matches!(path, "" | "/pub" | "/many" | "/misc" | "/up" | "/shared")
}

pub(super) fn is_file(path: &str) -> bool {
    let number = path.strip_prefix("/pub/");
    number.is_some_and(|number| matches!(number, "0" | "1" | "2" | "3" | "4"))
}

fn is_there(path: &str) -> bool {
    is_directory(path) || is_file(path)
}
