//! Replaces `status_service` without the Cargo feature `status`: there is nothing to serve.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    reason = "the surface of what it replaces"
)]

use super::Reactor;
use crate::clock::Instant;
use crate::event_loop::Readiness;

pub(super) struct StatusService;

impl StatusService {
    pub(super) const fn new(_: i64) -> Self {
        Self
    }

    pub(super) const fn wakes_at(&self, _: Instant) -> Option<Instant> {
        None
    }

    pub(super) const fn set_ready(&mut self, _: usize, _: Readiness) {}
}

impl Reactor {
    pub(super) const fn run_status(&mut self) {}
}
