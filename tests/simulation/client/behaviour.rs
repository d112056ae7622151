//! How a client treats its data connection: as it should, or in one of the ways in which it should not.

/// How the client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// As it should.
    Prompt,
    /// A little at a time, with pauses.
    Slow,
    /// It never has a data connection.
    NeverConnects,
    /// It stops after so many bytes, and says nothing.
    Stalls(usize),
    /// It resets the connection after so many bytes.
    Resets(usize),
    /// It closes the connection after so many bytes; of an upload nobody can know.
    Closes(usize),
    /// It ends an upload without announcing it, over TLS.
    OmitsCloseNotify,
    /// It says something else than a hello, where TLS should begin.
    NoHello,
    /// It stops after so many bytes of its hello.
    StallsInHello(usize),
    /// It resets the connection after so many.
    ResetsInHello(usize),
}
