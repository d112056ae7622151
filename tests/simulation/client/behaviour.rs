//! How a client uses its data connection: correctly, or in one particular wrong way.

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
