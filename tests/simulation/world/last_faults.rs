//! When each kind of fault last affected the server: a client may excuse a reply only by a fault that
//! occurred after its command.

use std::time::Duration;

use super::World;

/// The last occurrence of each; `None`: never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastFaults {
    /// An I/O error, or a panic of a storage call.
    pub(crate) device: Option<Duration>,
    /// `ENOSPC`.
    pub(crate) full: Option<Duration>,
    /// Usage was being counted.
    pub(crate) uncounted: Option<Duration>,
    /// A quota was exceeded.
    pub(crate) quota: Option<Duration>,
    /// `EMFILE`.
    pub(crate) descriptor: Option<Duration>,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Device,
    Full,
    Uncounted,
    Quota,
    Descriptor,
}

impl World {
    pub(crate) const fn last_faults(&self) -> LastFaults {
        self.last_faults
    }

    /// Records a fault.
    pub(crate) fn record_fault(&mut self, kind: FaultKind) {
        let now = Some(self.now);
        match kind {
            FaultKind::Device => self.last_faults.device = now,
            FaultKind::Full => self.last_faults.full = now,
            FaultKind::Uncounted => self.last_faults.uncounted = now,
            FaultKind::Quota => self.last_faults.quota = now,
            FaultKind::Descriptor => self.last_faults.descriptor = now,
        }
    }
}
