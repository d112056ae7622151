//! FEAT, OPTS, HELP and STAT: the features of the server and the state of the session. RFC 959 §4.1.3,
//! RFC 2389.
//!
//! FEAT and HELP are generated from the table that the parser uses, so they list exactly what a client can
//! use.

use super::attributes::split_word;
use super::dispatch::is_listed;
use super::listings::split_options;
use super::login::Login;
use super::question::Question;
use super::transfers::Phase;
use super::{Action, Context, Progress, Session, Settings};
use crate::auth::Permissions;
use crate::protocol::command::{self, TABLE};
use crate::protocol::facts::FactSet;
use crate::protocol::reply::Reply;
use crate::protocol::visible::Visible;
use crate::transfer::Listing;

impl Session {
    pub(super) fn features(&self, cx: &mut Context<'_>) {
        let mut lines = b"Features:\n".to_vec();
        for feature in command::features(|row| is_listed(row, cx.settings)) {
            lines.extend_from_slice(feature.as_bytes());
            if feature == "MLST" {
                lines.push(b' ');
                self.params.facts.write_feature(&mut lines);
            }
            if feature == "HASH" {
                lines.push(b' ');
                self.write_algorithms(&mut lines);
            }
            lines.push(b'\n');
        }
        lines.extend_from_slice(b"End.");
        cx.reply(&Reply::new(211, lines));
    }

    pub(super) fn options(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let (command, value) = split_word(argument);
        match command.to_ascii_uppercase().as_slice() {
            // Selects between UTF-8 and the fallback charset; without one names are passed as bytes.
            b"UTF8" | b"UTF-8" if is_on_or_off(value) => {
                self.params.utf8 = !value.eq_ignore_ascii_case(b"OFF");
                cx.reply(&Reply::fixed(200, "Names are passed as they are."));
            }
            b"HASH" if cfg!(feature = "digests") => self.select_algorithm(value, cx),
            b"MLST" => {
                self.params.facts = FactSet::select(value);
                let mut text = b"MLST OPTS ".to_vec();
                self.params.facts.write_selected(&mut text);
                cx.reply(&Reply::new(200, text));
            }
            b"MODE" => self.mode_options(value, cx),
            _ => cx.reply(&Reply::fixed(501, "No such option.")),
        }
    }

    pub(super) fn help(argument: &[u8], cx: &mut Context<'_>) {
        let reply = match command::lookup(argument) {
            _ if argument.is_empty() => all_commands(cx.settings),
            Some(row) if is_listed(row, cx.settings) => {
                Reply::new(214, format!("Syntax: {}", row.syntax))
            }
            _ => Reply::fixed(502, "No such command."),
        };
        cx.reply(&reply);
    }

    pub(super) fn status(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if argument.is_empty() {
            return cx.reply(&Reply::new(211, self.status_lines()));
        }
        if !self.login.is_logged_in() {
            return cx.reply(&Reply::not_logged_in());
        }
        if !self.may(Permissions::LIST, cx) {
            return;
        }
        let (_, name) = split_options(argument);
        if let Some(path) = self.path(name, cx) {
            self.progress = Progress::AwaitingAnswer(Question::Status(argument.to_vec()));
            cx.action(Action::List(Listing {
                path,
                pattern: None,
                prefix: Vec::new(),
                recursive: false,
                charset: self.charset(cx),
                format: cx.long_format(),
            }));
        }
    }

    fn status_lines(&self) -> String {
        let login = match &self.login {
            Login::LoggedIn { .. } => format!("Logged in as {}", Visible(self.login.name())),
            Login::LoggedOut | Login::Claimed(_) => "Not logged in".to_owned(),
        };
        let representation = self.params.representation;
        let security = self.protection.describe();
        let transfer = match &self.progress {
            Progress::Transferring(transfer) => match transfer.phase {
                Phase::Connecting => "A transfer waits for its data connection".to_owned(),
                Phase::Moving(bytes, _) => {
                    format!("A transfer is in progress, {bytes} bytes so far")
                }
                Phase::Cutting(..) => "A transfer is being aborted".to_owned(),
            },
            _ => "No transfer is in progress".to_owned(),
        };
        format!(
            "mioftpd status:\nConnected from {}\n{login}\n{representation}\n\
             {security}\n{transfer}\nEnd of status.",
            self.peer
        )
    }
}

fn is_on_or_off(value: &[u8]) -> bool {
    value.is_empty() || value.eq_ignore_ascii_case(b"ON") || value.eq_ignore_ascii_case(b"OFF")
}

fn all_commands(settings: &Settings) -> Reply {
    let mut lines = "These commands are served:".to_owned();
    let served = TABLE.iter().filter(|row| is_listed(row, settings));
    for (index, row) in served.enumerate() {
        lines.push(if index % 8 == 0 { '\n' } else { ' ' });
        lines.push_str(row.name);
    }
    lines.push_str("\nEnd of help.");
    Reply::new(214, lines)
}
