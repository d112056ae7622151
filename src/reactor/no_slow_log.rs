//! Replaces `slow_log` without the Cargo feature `status`: nothing is measured. The server refuses to start
//! with `log.slow`.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    dead_code,
    reason = "the surface of what it replaces"
)]

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::Instant;
use crate::event_loop::Key;
use crate::metrics::{Counts, JobTimes, LoopTimes, Since};

#[derive(Default)]
pub(super) struct SlowLog(());

/// A turn that has ended.
pub(super) struct EndedTurn {
    pub(super) key: Key,
    pub(super) peer: SocketAddr,
    pub(super) began: Since,
    pub(super) executed: u64,
    pub(super) is_served: bool,
}

impl SlowLog {
    pub(super) const fn turned(&mut self, _: Duration, _: &EndedTurn, _: &LoopTimes, _: &Counts) {}

    pub(super) const fn done(
        &mut self,
        _: Duration,
        _: (Key, Option<SocketAddr>),
        _: JobTimes,
        _: Instant,
    ) {
    }

    pub(super) const fn iterated(&mut self, _: Duration, _: &LoopTimes, _: Instant) {}

    pub(super) const fn forget(&mut self, _: Key) {}
}
