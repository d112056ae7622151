//! Replaces `counters` without the Cargo feature `quotas`: the server refuses a configuration with a quota,
//! so nothing is counted, and an account's storage is the disk.

#![allow(clippy::unused_self, reason = "the surface of what it replaces")]

use std::sync::Arc;
use std::time::Duration;

use super::DirectoryId;
use crate::auth::Account;
use crate::storage::Storage;

/// Whether the Cargo feature `quotas` is on.
pub(super) const IS_BUILT_IN: bool = false;

#[derive(Clone, Default)]
pub(super) struct Counters(());

/// No thread.
pub(super) struct Recounts;

impl Counters {
    pub(super) const fn with(
        self,
        _: &Account,
        _: DirectoryId,
        _: &Arc<dyn Storage>,
        _: &Self,
    ) -> Self {
        self
    }

    pub(super) fn metered(
        &self,
        _: &Account,
        _: DirectoryId,
        disk: Arc<dyn Storage>,
    ) -> Arc<dyn Storage> {
        disk
    }

    pub(super) const fn request_recounts(&self) {}

    pub(super) const fn request_first_counts(&self) {}

    pub(super) const fn start_recounts(&self, _: Duration) -> Option<Recounts> {
        None
    }
}

pub(super) const fn same_quota(_: &Account, _: &Account) -> bool {
    true
}
