//! Facts in the text of a reply: directory, size, time, address, login, length, and the reason of a cut.
//!
//! Programs parse these; a correct code with the facts of another session is an error.

use std::net::SocketAddr;

use super::conversation::{CommandKind, PendingCommand};
use super::login_state::LoginState;
use super::profile::Login;
use super::reply_rules::is_file;
use super::session_model::{ControlChannel, ReplyContext, SessionModel};
use crate::content::on_the_wire;
use crate::world::FIRST_PORT;

/// MDTM of all files that no client changes.
const MODIFIED: &str = "20010909014640";

/// A reply as it was received. Plain data.
#[derive(Clone, Copy)]
pub(super) struct ReplyText<'a> {
    pub(super) code: u16,
    /// Text of its last line.
    pub(super) text: &'a str,
    /// All its lines.
    pub(super) whole: &'a str,
}

impl SessionModel {
    /// The fact that is missing from a final reply with a legal code.
    pub(super) fn missing_fact(
        &self,
        command: &PendingCommand,
        reply: ReplyText<'_>,
        context: &ReplyContext<'_>,
    ) -> Option<String> {
        if context.config.control_only {
            return None;
        }
        let expected = match (command.kind, reply.code) {
            (CommandKind::Pwd, 257) => {
                format!("\"{}\" is the current directory.", self.shown_directory())
            }
            (CommandKind::Mkd, 257) => format!("\"{}\" created.", self.join(command.argument())),
            (CommandKind::Size, 213) => {
                let path = self.join(command.argument());
                let bytes = context.config.memory.read(&path).unwrap_or_default();
                on_the_wire(&bytes, self.is_ascii()).len().to_string()
            }
            (CommandKind::Mdtm, 213) => MODIFIED.to_owned(),
            (CommandKind::Rest, 350) => {
                let offset: u64 = command.argument().parse().unwrap_or(0);
                format!("Restarting at {offset}. Send STOR or RETR.")
            }
            (CommandKind::Opts, 200) if command.argument().starts_with("MLST") => {
                "MLST OPTS size;".to_owned()
            }
            (CommandKind::Pass, 230) if self.is_in() => "Already logged in.".to_owned(),
            (CommandKind::User, 530) => "Log in over TLS: send AUTH TLS first.".to_owned(),
            (_, 530) => "Not logged in.".to_owned(),
            (CommandKind::Mlst, 250) => return self.missing_entry(command, reply, context),
            (CommandKind::Passive, 227 | 229) => return wrong_port(reply, context),
            (CommandKind::Fetch | CommandKind::Store | CommandKind::List, 426) => {
                return wrong_reason(command, reply.text, context);
            }
            _ => return None,
        };
        (reply.text != expected).then_some(expected)
    }

    /// MLST of a file that no client changes.
    fn missing_entry(
        &self,
        command: &PendingCommand,
        reply: ReplyText<'_>,
        context: &ReplyContext<'_>,
    ) -> Option<String> {
        let path = self.join(command.argument());
        let line = reply.whole.lines().nth(1).unwrap_or_default();
        let size = is_file(&path).then(|| {
            let bytes = context.config.memory.read(&path).unwrap_or_default();
            format!("size={};", bytes.len())
        });
        let shown = if path.is_empty() { "/" } else { &path };
        let facts = line
            .strip_prefix(' ')
            .and_then(|line| line.strip_suffix(shown)?.strip_suffix(' '));
        let is_right = facts.is_some_and(|facts| match &size {
            Some(size) if self.tells_sizes_only() => facts == size,
            Some(size) => facts.contains(size.as_str()) && facts.contains("type=file;"),
            None if self.tells_sizes_only() => true,
            None => facts.contains("type=dir;"),
        });
        (!is_right).then(|| format!("{size:?} of {shown}, not {line:?}"))
    }

    /// The fact that is missing from a STAT reply.
    pub(super) fn missing_status(
        &self,
        peer: SocketAddr,
        is_transferring: bool,
        whole: &str,
    ) -> Option<String> {
        let login = match self.login_state() {
            LoginState::LoggedIn(Login::Anonymous, _) => "Logged in as anonymous",
            LoginState::LoggedIn(..) => "Logged in as ann",
            LoginState::LoggedOut | LoginState::UserSent(_) => "Not logged in",
        };
        let data_type = if self.is_ascii() {
            "TYPE: ASCII Non-print; STRU: File; MODE: Stream"
        } else {
            "TYPE: Image; STRU: File; MODE: Stream"
        };
        let security = match (self.channel(), self.is_protected()) {
            (ControlChannel::Secured, true) => "Control and data connections use TLS",
            (ControlChannel::Secured, false) => {
                "The control connection uses TLS, data connections do not"
            }
            (_, true) => "Data connections use TLS, the control connection does not",
            (_, false) => "Nothing is encrypted",
        };
        let client = format!("Connected from {peer}");
        let is_said = |wanted: &&str| whole.lines().any(|line| line.trim() == *wanted);
        let wanted = [client.as_str(), login, data_type, security];
        let missing = wanted.into_iter().find(|wanted| !is_said(wanted));
        let is_idle = is_said(&"No transfer is in progress");
        let wrong = (is_idle == is_transferring).then_some("whether there is a transfer");
        missing.or(wrong).map(str::to_owned)
    }

    /// The fact that is missing from a 150: the TYPE, and the length where it is known.
    pub(super) fn missing_of_beginning(
        &self,
        command: &PendingCommand,
        text: &str,
        context: &ReplyContext<'_>,
    ) -> Option<String> {
        if command.verb() == "STOU" {
            return None;
        }
        let mode = if self.is_ascii() { "ASCII" } else { "BINARY" };
        let path = self.join(command.argument());
        let expected = match command.kind {
            CommandKind::Fetch if !self.is_ascii() && is_file(&path) => {
                let bytes = context.config.memory.read(&path).unwrap_or_default();
                let left = (bytes.len() as u64).saturating_sub(self.restart());
                format!("Opening {mode} mode data connection ({left} bytes).")
            }
            // Its size may change.
            CommandKind::Fetch if !self.is_ascii() => {
                let head = format!("Opening {mode} mode data connection (");
                return (!text.starts_with(&head)).then_some(head);
            }
            _ => format!("Opening {mode} mode data connection."),
        };
        (text != expected).then_some(expected)
    }
}

/// Whether the passive port cannot be the server's, or the address is not the one the client connected to.
fn wrong_port(reply: ReplyText<'_>, context: &ReplyContext<'_>) -> Option<String> {
    let numbers: Vec<u16> = reply
        .text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    let (address, port) = match numbers[..] {
        [port] => (None, port),
        [a, b, c, d, high, low] => (Some([a, b, c, d]), high * 256 + low),
        _ => return Some("an address".to_owned()),
    };
    let is_here = address.is_none_or(|address| address == [10, 0, 0, 1]);
    let is_port = if context.config.has_range {
        port == FIRST_PORT
    } else {
        port >= FIRST_PORT
    };
    (!is_here || !is_port).then(|| "an address of its own, and a port that it has".to_owned())
}

/// Checks the stated reason of a cut transfer: it must have occurred.
fn wrong_reason(
    command: &PendingCommand,
    text: &str,
    context: &ReplyContext<'_>,
) -> Option<String> {
    let text = text.split("; transfer aborted").next().unwrap_or(text);
    let text = text.split(" aborted").next().unwrap_or(text);
    let took = context.now.saturating_sub(command.since);
    let config = context.config;
    let is_right = match text {
        "Transfer" => context.aborts,
        "Control connection ended" => context.has_ended,
        "No data for too long" => took >= config.timings.data_stall,
        "Server is stopping" => config.stops,
        // Checked in `transfer_ends` and `revocation`.
        "Connection closed" | "No longer allowed" => true,
        _ => false,
    };
    (!is_right).then(|| "a reason that occurred".to_owned())
}
