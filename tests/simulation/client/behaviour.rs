//! How a client uses its data connection: correctly, or in one particular wrong way.

use crate::rng::Rng;

/// Behaviour on one data connection; counts are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Correct.
    Prompt,
    /// Small pieces with pauses.
    Slow,
    /// It never connects to the passive port.
    NeverConnects,
    /// It stops after this many bytes and keeps the connection open.
    Stalls(usize),
    /// It resets the connection after this many bytes.
    Resets(usize),
    /// It closes the connection after this many bytes; a truncated upload then looks complete.
    Closes(usize),
    /// It ends an upload over TLS without `close_notify`.
    OmitsCloseNotify,
    /// It sends other bytes than a `ClientHello`.
    NoHello,
    /// It stops after this many bytes of its `ClientHello`.
    StallsInHello(usize),
    /// It resets the connection after this many bytes of its `ClientHello`.
    ResetsInHello(usize),
}

impl Behaviour {
    /// Its behaviour with or without TLS; with TLS it may omit `close_notify`.
    pub(super) const fn arranged(self, is_protected: bool, omits_close_notify: bool) -> Self {
        use Behaviour::{NoHello, OmitsCloseNotify, Prompt, ResetsInHello, StallsInHello};
        match self {
            Prompt if is_protected && omits_close_notify => OmitsCloseNotify,
            OmitsCloseNotify | NoHello | StallsInHello(_) | ResetsInHello(_) if !is_protected => {
                Prompt
            }
            _ => self,
        }
    }

    /// Whether it ends the connection where no bytes are left to be moved.
    pub(super) const fn interrupts(self) -> bool {
        matches!(self, Self::Resets(_) | Self::Closes(_))
    }

    /// Bytes that it moves next, after this many.
    pub(super) fn portion(self, moved: usize, rng: &mut Rng) -> usize {
        match self {
            Self::Prompt | Self::NeverConnects | Self::OmitsCloseNotify => usize::MAX,
            // These never complete a handshake.
            Self::NoHello | Self::StallsInHello(_) | Self::ResetsInHello(_) => 0,
            Self::Slow => rng.within(1, 2_000),
            Self::Stalls(most) | Self::Resets(most) | Self::Closes(most) => {
                most.saturating_sub(moved)
            }
        }
    }
}
