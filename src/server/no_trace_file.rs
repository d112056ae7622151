//! Replaces `trace_file` without the Cargo feature `status`: nothing is recorded. The server refuses to
//! start with a configuration of it.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the surface of what it replaces"
)]

use super::Error;
use crate::config::Config;
use crate::reactor::Reactor;

/// Whether the Cargo feature `status` is on.
pub(super) const IS_BUILT_IN: bool = false;

pub(super) const fn may_write(_: &Config) -> Result<(), Error> {
    Ok(())
}

pub(super) struct TraceFile(());

pub(super) const fn answer(_: &mut Reactor) {}

impl TraceFile {
    pub(super) const fn start(_: &Config, _: &mut Reactor) -> Self {
        Self(())
    }

    pub(super) const fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    pub(super) const fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    pub(super) const fn write(&self, _: &mut Reactor) {}
}
