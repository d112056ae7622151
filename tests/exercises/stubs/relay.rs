//! Exercise nine: backpressure. Bytes from one socket to another, with a bounded buffer.

use std::io::{self, Read, Write};

/// The most bytes that it holds.
pub(crate) const CAPACITY: usize = 1024;

/// The most calls of `read` and `write` in one turn.
pub(crate) const CALLS: usize = 8;

/// What the relay waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing is held, and the source has said that it would block.
    Readable,
    /// Something is held, and the sink has said that it would block.
    Writable,
    /// The budget is used up.
    Again,
    /// The source has ended, and everything is written.
    Done,
}

/// The bytes on their way.
#[derive(Default)]
pub(crate) struct Relay {}

impl Relay {
    /// A turn. Errors other than `WouldBlock` and `Interrupted` are returned.
    pub(crate) fn turn(&mut self, from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Wait> {
        Ok(Wait::Done)
    }
}
