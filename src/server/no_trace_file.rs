//! Replaces `trace_file` without the Cargo feature `status`: nothing is recorded. The server refuses to
//! start with a configuration of it.

#![allow(clippy::unused_self, reason = "the surface of what it replaces")]

use std::io;

use crate::config::Config;
use crate::reactor::Reactor;

/// Whether the Cargo feature `status` is on.
pub(super) const IS_BUILT_IN: bool = false;

pub(super) struct TraceFile(());

pub(super) const fn answer(_: &mut Reactor) {}

impl TraceFile {
    pub(super) const fn start(_: &Config, _: &mut Reactor) -> Self {
        Self(())
    }

    #[allow(clippy::unnecessary_wraps, reason = "as in what it replaces")]
    pub(super) const fn check(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) const fn write(&self, _: &mut Reactor) {}
}
