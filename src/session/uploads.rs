//! STOR, APPE and STOU: the permissions and the placement of an upload. RFC 959 §4.1.3, RFC 1123
//! §4.1.2.9.
//!
//! The placement tells the storage whether it may create a file, overwrite one, or both; only the storage
//! knows whether the name exists, and decides without a race. From the 150 on an upload is a transfer as
//! in `transfers`.

use super::transfers::Purpose;
use super::{Context, Progress, Session, Settings};
use crate::auth::Permissions;
use crate::observe::target;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::protocol::visible::{Quoted, QuotedName};
use crate::storage::{CutUploads, Placement};
use crate::transfer::Direction;

/// The argument of [`Session::placement`] for commands that replace a file.
pub(super) const REPLACING: [Placement; 3] = [Placement::Replace, Placement::New, Placement::Over];

impl Session {
    pub(super) fn store(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(placement) = self.placement_or_restart(Permissions::OVERWRITE, REPLACING, cx) {
            self.receive(argument, placement, Purpose::Store, cx);
        }
    }

    pub(super) fn append(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let appending = [Placement::Append, Placement::New, Placement::AppendExisting];
        if let Some(placement) = self.placement_or_restart(Permissions::APPEND, appending, cx) {
            let purpose = match placement {
                Placement::At(_) => Purpose::Store,
                _ => Purpose::Append,
            };
            self.receive(argument, placement, purpose, cx);
        }
    }

    /// After REST, STOR and APPE both overwrite an existing file from the offset on (RFC 3659 §5.3).
    fn placement_or_restart(
        &mut self,
        permission: Permissions,
        placements: [Placement; 3],
        cx: &mut Context<'_>,
    ) -> Option<Placement> {
        match std::mem::take(&mut self.params.restart) {
            0 => self.placement(permission, placements, cx),
            offset => self
                .may(Permissions::OVERWRITE, cx)
                .then_some(Placement::At(offset)),
        }
    }

    /// Selects the placement for files of any name, for new files only, or for existing files only.
    /// CREATE is needed for new files, `permission` for existing ones; replies 550 if both are missing.
    pub(super) fn placement(
        &self,
        permission: Permissions,
        [any, new, existing]: [Placement; 3],
        cx: &mut Context<'_>,
    ) -> Option<Placement> {
        let permissions = self.login.permissions();
        let may_create = permissions.contains(Permissions::CREATE);
        match (
            may_create,
            self.may_any(permission | Permissions::CREATE, cx),
        ) {
            (_, false) => None,
            (true, true) if permissions.contains(permission) => Some(any),
            (true, true) => Some(new),
            (false, true) => Some(existing),
        }
    }

    pub(super) fn store_unique(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let name = if argument.is_empty() {
            b"file"
        } else {
            argument
        };
        if !self.may(Permissions::CREATE, cx) {
            return;
        }
        self.receive(name, Placement::Unique, Purpose::StoreUnique, cx);
    }

    /// The configuration key that accepts an upload over TLS without `close_notify` as complete.
    pub fn allows_unclean_end(&self, settings: &Settings) -> Option<&'static str> {
        let account = self.login.account();
        if account.is_some_and(|account| account.unclean_uploads) {
            return Some("account.unclean-uploads");
        }
        let policy = settings.security.as_ref()?;
        let client = self.peer.ip();
        let mut networks = policy.unclean_uploads.iter();
        let is_allowed = networks.any(|network| network.contains(client));
        is_allowed.then_some("tls.unclean-uploads")
    }

    /// Logs an upload that was accepted without `close_notify`: an attacker on the network may have
    /// truncated it.
    pub(super) fn ended_unclean(&self, cx: &Context<'_>) {
        let Progress::Transferring(transfer) = &self.progress else {
            return;
        };
        let Some((_, path)) = transfer.purpose.file() else {
            return;
        };
        let (peer, bytes) = (self.peer, transfer.phase.moved());
        let account = QuotedName(self.login.name());
        let path = path.to_bytes();
        let key = self.allows_unclean_end(cx.settings);
        // A reload may have removed the key since the upload ended.
        let key = key.unwrap_or("a key that a reload has removed");
        // The path is last: if a log collector truncates the line, only the path is lost.
        log::info!(
            target: target::AUDIT,
            "{peer}: {account} ended an upload without close_notify, as {key} allows ({bytes} bytes) {}",
            Quoted(&path)
        );
    }

    fn receive(
        &mut self,
        argument: &[u8],
        placement: Placement,
        purpose: fn(VirtualPath) -> Purpose,
        cx: &mut Context<'_>,
    ) {
        if self.params.range.take().is_some() {
            return cx.reply(&Reply::fixed(504, "RANG works with RETR and HASH."));
        }
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        if !self.can_represent(cx) {
            return;
        }
        // Without permission to resume, a partial file would only block the next attempt.
        let resume = Permissions::OVERWRITE | Permissions::APPEND;
        let cut = match cx.settings.cut_uploads {
            CutUploads::Keep if self.login.permissions().intersects(resume) => CutUploads::Keep,
            _ => CutUploads::Discard,
        };
        let direction = Direction::Store {
            path: path.clone(),
            placement,
            umask: self.umask,
            cut,
        };
        self.open_transfer(purpose(path), direction, cx);
    }
}
