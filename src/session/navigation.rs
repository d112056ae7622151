//! PWD, CWD, CDUP, MKD and RMD: the current directory, and directories. RFC 959 §4.1.1, appendix II.
//!
//! `CWD ~` and `CWD ~/d` are relative to the account's root, as in other servers, unless the current
//! directory has an entry named `~`. Other commands take `~` literally, since each must accept every name
//! that a listing shows.

use super::question::{Question, TildePaths};
use super::{Context, Session};
use crate::auth::Permissions;
use crate::protocol::reply::Reply;
use crate::storage::{Operation, VirtualPath};

impl Session {
    pub(super) fn print_directory(&self, cx: &mut Context<'_>) {
        let mut text = self.encoded_for_client(self.directory.quoted(), cx);
        text.extend_from_slice(b" is the current directory.");
        cx.reply(&Reply::new(257, text));
    }

    pub(super) fn change_directory(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        let from_start = match argument {
            [b'~'] => Some(VirtualPath::root()),
            [b'~', from_start @ ..] if from_start.starts_with(b"/") => self.resolve(from_start, cx),
            _ => None,
        };
        match (from_start, self.resolve(b"~", cx)) {
            (Some(from_start), Some(tilde)) => {
                let paths = Box::new(TildePaths { path, from_start });
                self.ask(Question::Tilde(paths), Operation::EnterDirectory(tilde), cx);
            }
            _ => self.enter(path, cx),
        }
    }

    pub(super) fn enter(&mut self, path: VirtualPath, cx: &mut Context<'_>) {
        self.audit.note_path(&path);
        let operation = Operation::EnterDirectory(path.clone());
        self.ask(Question::Enter(path), operation, cx);
    }

    pub(super) fn entered(&mut self, path: VirtualPath, cx: &mut Context<'_>) {
        self.directory = path;
        cx.reply(&Reply::fixed(250, "Directory changed."));
    }

    pub(super) fn make_directory(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.permitted_path(Permissions::MAKE_DIRECTORIES, argument, cx) {
            let operation = Operation::MakeDirectory {
                path: path.clone(),
                umask: self.umask,
            };
            self.ask(Question::Make(path), operation, cx);
        }
    }

    pub(super) fn made(&self, path: &VirtualPath, cx: &mut Context<'_>) {
        let mut text = self.encoded_for_client(path.quoted(), cx);
        text.extend_from_slice(b" created.");
        cx.reply(&Reply::new(257, text));
    }

    pub(super) fn remove_directory(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.permitted_path(Permissions::REMOVE_DIRECTORIES, argument, cx) {
            self.ask(Question::Remove, Operation::RemoveDirectory(path), cx);
        }
    }
}
