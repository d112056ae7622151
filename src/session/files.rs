//! DELE, RNFR, RNTO, SIZE and MLST: files by name, without a data connection. RFC 959 §4.1.3, RFC 3659 §4
//! and §7.
//!
//! Each command checks the permission, resolves the path and asks the storage; `question` has the replies.

use super::question::Question;
use super::{Action, Context, Progress, Session};
use crate::auth::Permissions;
use crate::limits::ASCII_SIZE_BYTES;
use crate::protocol::facts::{FactFormat, write_facts};
use crate::protocol::reply::Reply;
use crate::storage::{Entry, Operation, VirtualPath};
use crate::transfer::{DataType, Structure};

impl Session {
    pub(super) fn delete(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.permitted_path(Permissions::DELETE, argument, cx) {
            self.ask(Question::Remove, Operation::RemoveFile(path), cx);
        }
    }

    pub(super) fn rename_from(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.permitted_path(Permissions::RENAME, argument, cx) {
            self.progress = Progress::AwaitingAnswer(Question::RenameFrom(path.clone()));
            cx.action(Action::DescribeEntry(path));
        }
    }

    pub(super) fn rename_to(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let Some(from) = self.rename_from.take() else {
            return cx.reply(&Reply::fixed(503, "Send RNFR first."));
        };
        // The account may have lost the permission since RNFR.
        if !self.may(Permissions::RENAME, cx) {
            return;
        }
        self.audit.note_path(&from);
        if let Some(to) = self.path(argument, cx) {
            let operation = Operation::Rename {
                from: *from,
                to,
                replace: self.login.permissions().contains(Permissions::OVERWRITE),
            };
            self.ask(Question::RenameTo, operation, cx);
        }
    }

    pub(super) fn size(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may_any(Permissions::READ, cx) {
            return;
        }
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        let representation = self.params.representation;
        if representation.structure == Structure::Record {
            return cx.reply(&Reply::fixed(550, "SIZE works in STRU F."));
        }
        // The overhead of MODE is not counted (RFC 3659 §4.1): clients compare with the size of a file.
        let operation = match representation.data_type {
            DataType::Image | DataType::Ebcdic(_) => Operation::Metadata(path),
            DataType::Ascii(_) => Operation::AsciiSize {
                path,
                limit: ASCII_SIZE_BYTES,
            },
        };
        self.ask(Question::Size, operation, cx);
    }

    pub(super) fn list_one(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.permitted_path(Permissions::LIST, argument, cx) {
            self.progress = Progress::AwaitingAnswer(Question::Facts(path.clone()));
            cx.action(Action::DescribeEntry(path));
        }
    }

    pub(super) fn fact_format(&self, cx: &Context<'_>) -> FactFormat {
        FactFormat {
            facts: self.params.facts,
            precision: cx.settings.time_precision,
            permissions: self.login.permissions(),
        }
    }

    /// The reply to MLST (RFC 3659 §7.2). The path is in UTF-8 even if there is a fallback charset (§2.2):
    /// clients that send MLST read UTF-8, and every command accepts it.
    pub(super) fn facts_reply(&self, path: &VirtualPath, entry: &Entry, cx: &Context<'_>) -> Reply {
        let mut lines = b"Listing follows.\n".to_vec();
        write_facts(&mut lines, self.fact_format(cx), entry);
        lines.push(b' ');
        lines.extend_from_slice(&path.to_bytes());
        lines.extend_from_slice(b"\nEnd.");
        Reply::new(250, lines)
    }
}
