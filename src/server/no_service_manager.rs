//! Replaces `service_manager` without the Cargo feature `systemd`: no notifications and no keepalives. A
//! manager that waits for them is worth a warning, as it will restart the server.

#![allow(clippy::unused_self, reason = "the surface of what it replaces")]

use std::fmt::Display;
use std::time::Duration;

use crate::clock::Instant;

#[derive(Default)]
pub(super) struct ServiceManager(());

impl ServiceManager {
    pub(super) fn from_environment() -> Self {
        if std::env::var_os("NOTIFY_SOCKET").is_some() {
            log::warn!(
                "NOTIFY_SOCKET is set, and this build notifies no service manager: use Type=exec without \
                 WatchdogSec=, or build it with --features systemd"
            );
        }
        Self(())
    }

    pub(super) const fn ready(&self, _: &str) {}

    pub(super) fn failed(&self, _: &dyn Display) {}

    pub(super) const fn reloading(&self) {}

    pub(super) const fn awaits_reload(&self) -> bool {
        false
    }

    pub(super) const fn stopping(&self) {}

    pub(super) const fn next_keepalive(&self, _: Instant) -> Option<Duration> {
        None
    }

    pub(super) const fn keep_alive(&self, _: Instant) {}
}
