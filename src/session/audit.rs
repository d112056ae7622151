//! The audit log: a record for each command that changed something or was refused.
//!
//! A session notes the command in progress and its paths. When the final reply is queued, one place decides
//! whether it needs a record, so that no command has to record itself and a query costs one comparison.
//! It must not know where records are written.

use std::time::Duration;

use super::attributes::split_word;
use super::{Action, Context, Session, SessionEvent};
use crate::limits::REASON_BYTES;
use crate::observe::AuditRecord;
use crate::protocol::command::{Command, Request};
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::storage::{Error, Operation};

/// The command in progress, and what its audit record needs.
#[derive(Debug, Default)]
pub(super) struct AuditState {
    /// `None` once the command is answered.
    command: Option<Command>,
    /// `None` until there is something to note: most commands need no record.
    notes: Option<Box<AuditNotes>>,
}

#[derive(Debug, Default)]
pub(super) struct AuditNotes {
    /// For SITE: the name of the subcommand.
    pub(super) verb: Option<&'static str>,
    pub(super) path: Option<VirtualPath>,
    /// The new name of a rename.
    pub(super) to: Option<VirtualPath>,
    /// Whether the command is a change or a file transfer, which is recorded if it succeeds.
    pub(super) changes: bool,
    /// The error of the storage.
    cause: Option<Error>,
    /// The bytes of a transfer, and its duration.
    pub(super) moved: Option<(u64, Duration)>,
}

impl AuditState {
    pub(super) fn begin(&mut self, command: Command) {
        *self = Self {
            command: Some(command),
            notes: None,
        };
    }

    pub(super) const fn command(&self) -> Option<Command> {
        self.command
    }

    pub(super) fn notes(&mut self) -> &mut AuditNotes {
        self.notes.get_or_insert_default()
    }

    fn has_path(&self) -> bool {
        self.notes
            .as_ref()
            .is_some_and(|notes| notes.path.is_some())
    }

    /// Notes a path of the command. RNTO has two. The parts of COMB, which follow its target, are left out.
    /// An MDTM that sets a time first notes its whole argument, then its name.
    pub(super) fn note_path(&mut self, path: &VirtualPath) {
        let command = self.command;
        let notes = self.notes();
        let slot = match (command, &notes.path) {
            (Some(Command::Rnto), Some(_)) => &mut notes.to,
            (Some(Command::Comb), Some(_)) => return,
            _ => &mut notes.path,
        };
        *slot = Some(path.clone());
    }

    pub(super) fn note_operation(&mut self, operation: &Operation) {
        if operation.is_change() {
            self.notes().changes = true;
        }
    }

    pub(super) fn note_failure(&mut self, event: &SessionEvent) {
        if let Some(error) = event.error() {
            self.notes().cause = Some(error);
        }
    }
}

impl Session {
    /// Records the command if its final reply is queued and it was a change or a refusal.
    pub(super) fn audit_if_answered(&mut self, cx: &mut Context<'_>) {
        let Some(code) = cx.outbox.take_final_code() else {
            return;
        };
        if let Some(command) = self.audit.command.take() {
            self.emit_audit(command, code, None, cx);
        }
    }

    /// Notes the path of a command that was refused for lack of permission, before it parsed its argument.
    pub(super) fn note_refused_path(&mut self, request: &Request<'_>, cx: &Context<'_>) {
        let is_refused = cx.outbox.final_code().is_some_and(is_refusal);
        if !is_refused || self.audit.has_path() {
            return;
        }
        if let Some(argument) = path_in(request) {
            self.audit.notes().path = self.resolve(argument, cx);
        }
    }

    /// As [`audit_if_answered`](Self::audit_if_answered), for a reply that is not sent.
    pub(super) fn audit_without_reply(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        if let Some(command) = self.audit.command.take() {
            self.emit_audit(command, reply.code, Some(&reply.lines), cx);
        }
    }

    /// `unsent` is the text of a reply that is not in the outbox. Otherwise the text is read from the
    /// outbox, and only when there is a record, so that most commands copy nothing.
    fn emit_audit(
        &mut self,
        command: Command,
        code: u16,
        unsent: Option<&[u8]>,
        cx: &mut Context<'_>,
    ) {
        let notes = self.audit.notes.take();
        let is_refused = is_refusal(code);
        let has_changed = code < 400 && notes.as_ref().is_some_and(|notes| notes.changes);
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
        let reason = match unsent.unwrap_or_else(|| cx.outbox.last_text()) {
            // A shorter text is whole.
            text if is_refused => text.get(..REASON_BYTES).unwrap_or(text).into(),
            _ => Box::default(),
        };
        let notes = notes.map_or_else(AuditNotes::default, |notes| *notes);
        let record = AuditRecord {
            time: cx.unix_time,
            peer: self.peer,
            account: self.login.name().into(),
            verb: notes.verb.unwrap_or_else(|| command.row().name),
            path: notes.path,
            to: notes.to,
            code,
            reason,
            unsent: unsent.is_some(),
            moved: notes.moved,
            concerns_operator: is_refused && notes.cause.is_some_and(Error::concerns_operator),
            left_out,
        };
        cx.action(Action::Audit(Box::new(record)));
    }
}

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

/// Whether a reply refuses a well-formed command. Failed logins (530) and closed sessions (421) have lines
/// of their own in the log.
const fn is_refusal(code: u16) -> bool {
    code >= 400 && !matches!(code, 421 | 500..=504 | 530)
}

#[cfg(test)]
mod tests {
    use super::is_refusal;

    #[test]
    fn refusal_codes_exclude_syntax_errors() {
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
