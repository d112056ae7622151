//! Replaces `metrics` without the Cargo feature `status`: the loop reads no clock for its times.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    reason = "the surface of what it replaces"
)]

use crate::clock::Instant;

/// Times of one event loop.
#[derive(Debug)]
pub(crate) struct LoopTimes;

/// When the command that a connection serves was received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Serving(());

impl LoopTimes {
    pub(crate) const fn new(_: Instant) -> Self {
        Self
    }

    pub(crate) const fn woke(&mut self, _: Instant) {}

    pub(crate) const fn fired(&mut self, _: u64) {}

    pub(crate) fn turned(&mut self, _: impl FnOnce() -> Instant) {}

    pub(crate) const fn served(&mut self, _: &mut Serving, _: u64, _: bool) {}

    /// None.
    pub(crate) const fn lines(&self) -> Vec<String> {
        Vec::new()
    }
}
