//! Which codes a command must get, by the state in which it is executed: one, but where the disk, the
//! network or other clients decide, and then each of these is named where it is allowed.
//!
//! A disk that fails, is full or has to count excuses a refusal only where it did so after the command
//! was said; other clients only where they change the same names, in `/misc` and `/shared`.

#![expect(
    clippy::match_same_arms,
    reason = "a table: a row for each command, in the order of the server's"
)]

use mioftpd::auth::Permissions;
use mioftpd::session::TlsRequired;

use super::conversation::{Awaited, Kind};
use super::habits::Login;
use super::session_model::{
    Arranged, Circumstances, Control, SessionModel, Who, needed_for, requires,
};

/// What RFC 959 has; a server that exports nothing knows no other.
const OF_RFC_959: [&str; 33] = [
    "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU",
    "MODE", "RETR", "STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD",
    "MKD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT", "HELP", "NOOP",
];

/// What a transfer's command comes to before its 150.
pub(super) struct Opening {
    pub(super) refusals: Vec<u16>,
    pub(super) may_begin: bool,
}

impl SessionModel {
    /// The codes of which the final reply must have one.
    pub(super) fn expected(&self, said: &Awaited, around: &Circumstances<'_>) -> Vec<u16> {
        let place = around.place;
        if place.control_only {
            return vec![control_only(said)];
        }
        if !self.is_in() && needs_login(said) {
            return vec![530];
        }
        let is_secured = self.control == Control::Secured;
        match said.kind {
            Kind::User | Kind::Pass => self.expected_of_login(said, around),
            Kind::Rein => vec![220],
            Kind::Quit => vec![221],
            Kind::Noop | Kind::Type | Kind::EpsvAll => vec![200],
            Kind::Stat | Kind::Feat => vec![211],
            Kind::Syst => vec![215],
            Kind::Help if said.argument() == "XYZ" => vec![502],
            Kind::Help => vec![214],
            Kind::Opts if said.argument() == "X" => vec![501],
            Kind::Opts => vec![200],
            Kind::TooLong | Kind::Foreign => vec![500],
            Kind::Garbage => vec![self.expected_of_garbage(said)],
            Kind::Auth | Kind::AuthPrivate if self.control == Control::Clear => vec![234],
            // What is behind it may have come with it, or later.
            Kind::AuthAndMore if self.control == Control::Clear => vec![234, 503],
            Kind::Auth | Kind::AuthPrivate | Kind::AuthAndMore => vec![503],
            Kind::Pbsz => vec![if is_secured { 200 } else { 503 }],
            Kind::ProtClear | Kind::ProtPrivate if !is_secured || !self.has_buffer_size => {
                vec![503]
            }
            Kind::ProtClear if requires(place, TlsRequired::Data) => vec![534],
            Kind::ProtClear | Kind::ProtPrivate => vec![200],
            Kind::Ccc => {
                let secure = place.secure.as_ref();
                let may = is_secured && secure.is_some_and(|secure| secure.policy.allow_clear);
                vec![if may { 200 } else { 533 }]
            }
            Kind::Fetch | Kind::Store | Kind::List if said.begun => self.endings(said, around),
            Kind::Fetch | Kind::Store | Kind::List => self.opening(said, around).refusals,
            _ => self.expected_of_channel(said, around),
        }
    }

    fn expected_of_login(&self, said: &Awaited, around: &Circumstances<'_>) -> Vec<u16> {
        let place = around.place;
        if said.kind == Kind::User {
            let needed = match said.argument() {
                "anonymous" => TlsRequired::Control,
                _ => TlsRequired::Login,
            };
            let is_refused = self.lacks_tls(needed, place);
            return vec![if is_refused { 530 } else { 331 }];
        }
        let login = match self.who {
            Who::Nobody => return vec![503],
            Who::In(..) => return vec![230],
            Who::Named(login) => login,
        };
        if login == Login::Named && said.argument() != "secret" {
            return vec![530];
        }
        let Some(before) = place.permissions_of(login) else {
            return vec![530];
        };
        let reload = place.reload.as_ref();
        match reload.filter(|one| one.permissions(login, before).is_none()) {
            Some(reload) if reload.is_over(said.since) => vec![530],
            Some(reload) if reload.has_come(around.now) => vec![230, 530],
            _ => vec![230],
        }
    }

    fn expected_of_garbage(&self, said: &Awaited) -> u16 {
        match (said.verb(), said.argument()) {
            ("NOOP" | "RETR" | "ABOR", _) => 501,
            ("PROT", _) if self.control != Control::Secured || !self.has_buffer_size => 503,
            ("PROT", _) => 536,
            ("AUTH", _) => 504,
            _ => 500,
        }
    }

    fn expected_of_channel(&self, said: &Awaited, around: &Circumstances<'_>) -> Vec<u16> {
        let since = said.since;
        match said.kind {
            Kind::Passive if self.is_extended_only && said.verb() == "PASV" => vec![503],
            Kind::Passive => {
                let mut codes = vec![if said.verb() == "PASV" { 227 } else { 229 }];
                if around.lacked_descriptor(since) || around.lacked_port(since) {
                    codes.push(425);
                }
                codes
            }
            Kind::Port | Kind::Bounce if self.is_extended_only => vec![503],
            Kind::Port => vec![200],
            Kind::Bounce => vec![501],
            Kind::Rest => {
                let digits = said.argument().bytes().all(|byte| byte.is_ascii_digit());
                vec![if digits { 350 } else { 501 }]
            }
            Kind::Abor => match self.arranged {
                Arranged::Nothing => vec![226],
                Arranged::Active => vec![225],
                Arranged::Passive(_) | Arranged::Kept if self.may_be_lost(around) => vec![225, 226],
                Arranged::Passive(_) | Arranged::Kept => vec![225],
            },
            _ => self.expected_of_files(said, around),
        }
    }

    /// What is asked and changed by name.
    fn expected_of_files(&self, said: &Awaited, around: &Circumstances<'_>) -> Vec<u16> {
        let path = self.join(said.argument());
        let is_shared = path.starts_with("/misc/d");
        let (needed, codes) = match said.kind {
            Kind::Pwd => return vec![257],
            Kind::Cwd => {
                let code = if is_directory(&self.target(said)) {
                    250
                } else {
                    550
                };
                return around.on_disk(said, vec![code]);
            }
            Kind::Mkd => (Permissions::MAKE_DIRECTORIES, vec![257, 550]),
            Kind::Rmd => (Permissions::REMOVE_DIRECTORIES, vec![250, 550]),
            // A file of its own is there, if it knows what it has.
            Kind::Dele if path == "/misc/none" => (Permissions::DELETE, vec![550]),
            Kind::Dele => (Permissions::DELETE, vec![250]),
            Kind::Rnfr if is_shared => (Permissions::RENAME, vec![350, 550]),
            Kind::Rnfr => (Permissions::RENAME, vec![550]),
            Kind::Rnto if !self.renames => return vec![503],
            // Gone meanwhile; and what has the name is a directory.
            Kind::Rnto => (Permissions::RENAME, vec![250, 550, 553]),
            Kind::Size => (
                Permissions::READ,
                vec![if is_file(&path) { 213 } else { 550 }],
            ),
            Kind::Mdtm => (
                Permissions::READ,
                vec![if is_there(&path) { 213 } else { 550 }],
            ),
            Kind::Mlst => (
                Permissions::LIST,
                vec![if is_there(&path) { 250 } else { 550 }],
            ),
            Kind::StatPath => (
                Permissions::LIST,
                vec![if is_there(&path) { 213 } else { 550 }],
            ),
            other => unreachable!("{other:?} has its rule elsewhere"),
        };
        let is_any_enough = matches!(said.kind, Kind::Size | Kind::Mdtm);
        let may = |has: Permissions| {
            if is_any_enough {
                has.intersects(needed)
            } else {
                has.contains(needed)
            }
        };
        let codes = around.on_disk(said, codes);
        match self.permissions(said.since, around).map(may) {
            [true, true] => codes,
            [false, false] => vec![550],
            _ => [codes, vec![550]].concat(),
        }
    }

    /// What a transfer comes to before its 150, in the order in which the server looks.
    pub(super) fn opening(&self, said: &Awaited, around: &Circumstances<'_>) -> Opening {
        let refused = |code: u16| Opening {
            refusals: vec![code],
            may_begin: false,
        };
        if around.place.control_only || !self.is_in() {
            return refused(530);
        }
        let needed = needed_for(said.kind);
        let rights = self.permissions(said.since, around);
        let may = rights.map(|has| has.contains(needed));
        if may == [false; 2] {
            return refused(550);
        }
        let mut opening = self.opening_with_rights(said, around);
        if may != [true; 2] {
            // Without the right, or with it when it was taken away.
            opening.refusals.extend([550, 425]);
        }
        opening
    }

    fn opening_with_rights(&self, said: &Awaited, around: &Circumstances<'_>) -> Opening {
        let mut refusals = Vec::new();
        let is_offset_refused = said.kind == Kind::Fetch && self.restart > 0 && self.is_ascii;
        let is_in_the_clear = !self.is_private && requires(around.place, TlsRequired::Data);
        let certain = match self.arranged {
            _ if is_offset_refused => Some(554),
            Arranged::Nothing => Some(425),
            _ if is_in_the_clear => Some(522),
            _ => None,
        };
        if let Some(code) = certain {
            let mut refusals = vec![code];
            if code == 522 && self.may_be_lost(around) {
                refusals.push(425);
            }
            return Opening {
                refusals,
                may_begin: false,
            };
        }
        if self.may_be_lost(around) {
            refusals.push(425);
        }
        let argument = said.argument();
        let path = self.join(argument.strip_prefix("-R ").unwrap_or(argument));
        let may_begin = match said.kind {
            Kind::Fetch if path.starts_with("/shared/") => {
                refusals.push(550);
                true
            }
            Kind::Fetch if is_file(&path) || path.starts_with("/up/") => true,
            Kind::List if is_directory(&path) => true,
            Kind::Store => true,
            _ => {
                refusals.push(550);
                false
            }
        };
        let (since, writes) = (said.since, said.kind == Kind::Store);
        if around.has_failed(since) {
            refusals.push(451);
        }
        if writes && around.was_full(since) {
            refusals.push(452);
        }
        if writes && around.was_beyond_quota(since) {
            refusals.push(552);
        }
        if writes && around.was_uncounted(since) {
            // It may be given up while it waits.
            let gives_up = around.aborts || around.has_ended;
            refusals.extend([Some(450), gives_up.then_some(426)].into_iter().flatten());
        }
        Opening {
            refusals,
            may_begin,
        }
    }

    /// How a transfer may end that has begun; whether a connection that was cut or never came excuses
    /// it, the haul knows.
    fn endings(&self, said: &Awaited, around: &Circumstances<'_>) -> Vec<u16> {
        let (since, writes) = (said.since, said.kind == Kind::Store);
        let mut codes = vec![226, 425, 426];
        if around.has_failed(since) {
            codes.push(451);
        }
        // Or the time for the count is over, and by what is known there is no room.
        if writes && (around.was_beyond_quota(since) || around.was_uncounted(since)) {
            codes.push(552);
        }
        if writes && around.was_full(since) {
            codes.push(452);
        }
        if self.is_private {
            codes.push(522);
        }
        codes
    }
}

fn control_only(said: &Awaited) -> u16 {
    match (said.kind, said.verb()) {
        (Kind::Quit, _) => 221,
        (Kind::Noop, _) | (_, "NOOP") => 200,
        (_, verb) if OF_RFC_959.contains(&verb) && said.kind != Kind::TooLong => 502,
        _ => 500,
    }
}

/// Whether a command is refused before a login, whatever its argument is.
fn needs_login(said: &Awaited) -> bool {
    match said.kind {
        Kind::User | Kind::Pass | Kind::Quit | Kind::Noop | Kind::Stat | Kind::Feat => false,
        Kind::Syst | Kind::Opts | Kind::Help | Kind::TooLong | Kind::Foreign => false,
        Kind::Auth | Kind::AuthPrivate | Kind::AuthAndMore | Kind::Pbsz => false,
        Kind::ProtClear | Kind::ProtPrivate => false,
        Kind::Garbage => matches!(said.verb(), "RETR" | "ABOR"),
        _ => true,
    }
}

/// What nobody changes.
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
