//! How the end of an upload is recognised: the state that its decision needs.
//!
//! [`upload_decision`](super::upload_decision) has the rules. This is plain state of the data channel: it
//! knows no connection and no network.

use std::time::Duration;

use crate::clock::Instant;
use crate::limits::UPLOAD_END_PAUSE;
use crate::net::EndWatch;

#[derive(Default)]
pub(super) enum UploadEnd {
    /// There is no upload.
    #[default]
    None,
    /// The data connection announces it (TLS `close_notify`, MODE B, MODE Z, STRU R).
    Announced,
    /// By the order in which its two connections end, and the pause before.
    Watched(EndWatch, Pause),
    /// By the control connection being still open.
    Unwatched,
}

/// The time in which nothing has come over the data connection.
///
/// ```text
///   None ──drained──▶ Since ──readable──▶ Over ──drained──▶ Since …
///                                Over ──UPLOAD_END_PAUSE more──▶ Confirmed
/// ```
#[derive(Clone, Copy)]
pub(super) enum Pause {
    /// There was none yet.
    None,
    /// Since this time, after so many bytes.
    Since(u64, Instant),
    /// There was one of this length, after so many bytes.
    Over(u64, Duration),
    /// The last one was too long, and the control connection had [`UPLOAD_END_PAUSE`] to end as well.
    Confirmed,
}

impl UploadEnd {
    /// Everything that has come is read: `moved` bytes.
    pub(super) const fn drained(&mut self, moved: u64, now: Instant) {
        if let Self::Watched(_, pause) = self {
            *pause = Pause::Since(moved, now);
        }
    }

    /// There are bytes to read again, or the end.
    pub(super) fn readable(&mut self, now: Instant) {
        if let Self::Watched(_, pause) = self
            && let Pause::Since(moved, since) = *pause
        {
            *pause = Pause::Over(moved, now - since);
        }
    }

    /// The control connection had its time to end as well.
    pub(super) const fn confirmed(&mut self) {
        if let Self::Watched(_, pause) = self {
            *pause = Pause::Confirmed;
        }
    }
}

impl Pause {
    /// Whether the end came within [`UPLOAD_END_PAUSE`] after the last of `moved` bytes.
    pub(super) fn is_short(self, moved: u64) -> bool {
        match self {
            Self::Over(before, time) => before != moved || time <= UPLOAD_END_PAUSE,
            Self::None | Self::Since(..) => true,
            Self::Confirmed => false,
        }
    }
}
