//! The bytes of one transfer: those that its client sends, or receives and compares.

use super::expected::Expected;
use crate::content::label;

/// The direction and the bytes. Only [`transfer`](super::transfer) moves them.
pub(super) enum Payload {
    /// An upload: these bytes on the wire.
    Send {
        bytes: Vec<u8>,
        sent: usize,
        finished: bool,
    },
    /// A download or a listing.
    Receive { got: Vec<u8>, expected: Expected },
}

impl Payload {
    pub(super) const fn sending(bytes: Vec<u8>) -> Self {
        Self::Send {
            bytes,
            sent: 0,
            finished: false,
        }
    }

    pub(super) const fn is_upload(&self) -> bool {
        matches!(self, Self::Send { .. })
    }

    /// Bytes of the upload that were sent.
    pub(super) const fn sent(&self) -> usize {
        match self {
            Self::Send { sent, .. } => *sent,
            Self::Receive { .. } => 0,
        }
    }

    /// Whether all of the upload and its end were sent.
    pub(super) const fn is_all_sent(&self) -> bool {
        matches!(self, Self::Send { finished: true, .. })
    }

    /// The number of bytes, if the client knows it.
    pub(super) const fn known_length(&self) -> Option<usize> {
        match self {
            Self::Send { bytes, .. }
            | Self::Receive {
                expected: Expected::Exactly(bytes),
                ..
            } => Some(bytes.len()),
            Self::Receive { .. } => None,
        }
    }

    /// Label and length of the uploaded content.
    pub(super) fn contents(&self) -> Option<(u64, usize)> {
        match self {
            Self::Send { bytes, .. } => label(bytes),
            Self::Receive { .. } => None,
        }
    }

    /// The violation in what was received. With `must_be_whole`, an incomplete file must not look complete.
    pub(super) fn violation(&self, code: u16, must_be_whole: bool) -> Option<String> {
        match self {
            Self::Receive { got, expected } if code == 226 => expected.violation(got),
            Self::Receive {
                got,
                expected: Expected::Exactly(bytes),
            } => (must_be_whole && !got.is_empty() && got != bytes)
                .then(|| format!("{code}, and a clean end after {} bytes", got.len())),
            _ => None,
        }
    }
}
