//! Replaces `deflate.rs` in a build without MODE Z: the same names, without values.
//!
//! [`Level`] is uninhabited, so no value that needs one can exist: MODE Z is rejected because there is
//! no default level, and the compiler removes the code that handles it.

use std::fmt;

use super::framing::Malformed;

/// As in `deflate.rs`.
pub const ROOM: usize = 0;

/// As in `deflate.rs`.
pub const STATE_BYTES: usize = 0;

/// Uninhabited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Never);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Never {}

/// Uninhabited.
pub type Deflater = Level;

/// Uninhabited.
pub type Inflater = Level;

impl Level {
    /// Always `None`.
    pub const DEFAULT: Option<Self> = None;

    /// Always `None`.
    pub const fn parse(_: &[u8]) -> Option<Self> {
        None
    }

    /// Never called.
    pub const fn new(level: Self) -> Self {
        level
    }

    /// Never called.
    pub fn deflate(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Malformed> {
        match self.0 {}
    }

    /// Never called.
    pub fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Malformed> {
        match self.0 {}
    }

    /// Never called.
    pub fn inflate(&mut self, _: &mut &[u8]) -> Result<(&[u8], Inflated), Malformed> {
        match self.0 {}
    }
}

impl fmt::Display for Level {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

/// As in `deflate.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inflated {
    /// As in `deflate.rs`.
    NeedsInput,
    /// As in `deflate.rs`.
    Full,
    /// As in `deflate.rs`.
    Ended,
}
