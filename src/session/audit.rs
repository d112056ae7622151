//! Which commands are recorded when they are answered: those that changed something, and those that
//! were refused.
//!
//! A session notes which command is in progress and which paths it named, and looks once, where the
//! final reply has been given, whether that is worth a record. So no command has to record itself,
//! and a command that is neither costs a comparison.

use std::time::Duration;

use super::attributes::split_word;
use super::{Action, Context, Session, SessionEvent};
use crate::limits::REASON_BYTES;
use crate::observe::AuditRecord;
use crate::protocol::command::{Command, Request};
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::storage::{Error, Operation};

/// The command in progress.
#[derive(Debug, Default)]
pub(super) struct Audited {
    /// `None` once it is answered.
    command: Option<Command>,
    /// Of a SITE: which.
    pub(super) verb: Option<&'static str>,
    pub(super) path: Option<VirtualPath>,
    pub(super) to: Option<VirtualPath>,
    /// Whether its success changes something, or moves a file.
    pub(super) changes: bool,
    /// Why the storage refused it.
    cause: Option<Error>,
    pub(super) moved: Option<(u64, Duration)>,
}

impl Audited {
    /// Another command begins.
    pub(super) fn begin(&mut self, command: Command) {
        *self = Self {
            command: Some(command),
            ..Self::default()
        };
    }

    /// It names a path. A rename names two, COMB its parts behind the target; an MDTM that is not
    /// about a whole argument names what is behind the time once more.
    pub(super) fn names(&mut self, path: &VirtualPath) {
        let place = match (self.command, &self.path) {
            (Some(Command::Rnto), Some(_)) => &mut self.to,
            (Some(Command::Comb), Some(_)) => return,
            _ => &mut self.path,
        };
        *place = Some(path.clone());
    }

    /// It asks the storage for this.
    pub(super) const fn asks(&mut self, operation: &Operation) {
        self.changes |= operation.is_change();
    }

    /// The answer may be that something failed.
    pub(super) fn hears(&mut self, handle: &SessionEvent) {
        if let Some(error) = handle.error() {
            self.cause = Some(error);
        }
    }
}

impl Session {
    /// Records the command if it has been answered by now and is worth it.
    pub(super) fn conclude(&mut self, cx: &mut Context<'_>) {
        let Some(code) = cx.outbox.take_final_code() else {
            return;
        };
        if let Some(command) = self.audited.command.take() {
            self.audit(command, code, None, cx);
        }
    }

    /// A command that the account may not give is refused before its argument is read: what it named
    /// is looked for now.
    pub(super) fn name_refused(&mut self, request: &Request<'_>, cx: &Context<'_>) {
        let is_refused = cx.outbox.final_code().is_some_and(is_refusal);
        if !is_refused || self.audited.path.is_some() {
            return;
        }
        if let Some(argument) = path_in(request) {
            self.audited.path = self.leads(argument, cx);
        }
    }

    /// As [`conclude`](Self::conclude), for a reply that no client is there to hear.
    pub(super) fn audit_unsaid(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        if let Some(command) = self.audited.command.take() {
            self.audit(command, reply.code, Some(&reply.lines), cx);
        }
    }

    /// `unsaid` is the text of a reply that is not in the outbox. A text is copied only for a record:
    /// most commands have none.
    fn audit(&mut self, command: Command, code: u16, unsaid: Option<&[u8]>, cx: &mut Context<'_>) {
        let audited = std::mem::take(&mut *self.audited);
        let is_refused = is_refusal(code);
        let has_changed = audited.changes && code < 400;
        if !is_refused && !has_changed {
            return;
        }
        let mut left_out = 0;
        if is_refused {
            match self.log.refusal(cx.now) {
                Some(count) => left_out = count,
                None => return,
            }
        }
        let reason = match unsaid.unwrap_or_else(|| cx.outbox.last_text()) {
            text if is_refused => text.get(..REASON_BYTES).unwrap_or(text).into(),
            _ => Box::default(),
        };
        let record = AuditRecord {
            time: cx.unix_time,
            peer: self.peer,
            account: self.login.name().into(),
            verb: audited.verb.unwrap_or_else(|| command.row().name),
            path: audited.path,
            to: audited.to,
            code,
            reason,
            moved: audited.moved,
            is_for_operator: is_refused && audited.cause.is_some_and(Error::is_for_operator),
            left_out,
        };
        cx.action(Action::Audit(Box::new(record)));
    }
}

/// The part of the argument that is a path, of the commands that change or transfer something.
fn path_in<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let argument = request.argument;
    let path = match request.command {
        Command::Mfmt | Command::Mff => split_word(argument).1,
        Command::Site => split_word(split_word(argument).1).1,
        Command::Retr
        | Command::Stor
        | Command::Stou
        | Command::Appe
        | Command::Dele
        | Command::Mkd
        | Command::Rmd
        | Command::Rnfr
        | Command::Rnto
        | Command::Size
        | Command::Mdtm
        | Command::Mlst
        | Command::Mlsd
        | Command::Cwd => argument,
        _ => return None,
    };
    (!path.is_empty()).then_some(path)
}

/// Whether a reply refuses a command that was understood. Logins have lines of their own, and so has
/// the end of a session.
const fn is_refusal(code: u16) -> bool {
    code >= 400 && !matches!(code, 421 | 500..=504 | 530)
}

#[cfg(test)]
mod tests {
    use super::is_refusal;

    #[test]
    fn what_was_not_understood_was_not_refused() {
        for (code, refused) in [
            (226, false),
            (250, false),
            (350, false),
            (421, false),
            (426, true),
            (452, true),
            (500, false),
            (504, false),
            (521, true),
            (530, false),
            (534, true),
            (550, true),
            (553, true),
        ] {
            assert_eq!(is_refusal(code), refused, "{code}");
        }
    }
}
