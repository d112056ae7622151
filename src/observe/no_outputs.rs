//! Replaces `outputs` without the Cargo feature `records`: no log files and no events. The server refuses to
//! start with a configuration of them, so nothing is ever submitted here. The records themselves remain, for
//! the log and for a program that embeds the server.

#![allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the surface of what it replaces"
)]

use std::io;
use std::sync::Arc;

use super::{AuditRecord, Events, LoopWaker, RecordsError, TransferLog, TransferRecord};
use crate::privsep::Helper;
use crate::storage::Storage;

/// Whether the Cargo feature `records` is on.
pub const IS_BUILT_IN: bool = false;

#[derive(Default)]
pub(super) struct Outputs;

/// No threads.
#[derive(Default)]
pub struct RecordThreads;

impl RecordThreads {
    /// Does nothing.
    ///
    /// # Errors
    /// Never, in this build.
    pub const fn start(self) -> io::Result<()> {
        Ok(())
    }
}

impl Events {
    pub(crate) const fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Outputs {
    pub(super) fn open(
        _: &[TransferLog],
        _: Events,
        _: Option<Helper>,
        _: LoopWaker,
    ) -> Result<(Self, RecordThreads), RecordsError> {
        Ok((Self, RecordThreads))
    }

    pub(super) const fn takes_records(&self) -> bool {
        false
    }

    pub(super) fn leave(&self, _: Arc<TransferRecord>, _: &Arc<dyn Storage>) {}

    pub(super) fn audit(&self, _: Box<AuditRecord>) {}

    pub(super) const fn reopen(&self) -> bool {
        false
    }

    pub(super) const fn is_reopened(&self) -> bool {
        true
    }

    pub(super) const fn mistake(&self) -> Option<String> {
        None
    }
}
