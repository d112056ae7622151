//! MODE Z where it is not compiled in: the names of `deflate.rs` for things that cannot be.
//!
//! There is no [`Level`], so nothing that needs one can be made; whoever asks for MODE Z is
//! declined for that reason alone, and the compiler removes the rest.

use std::fmt;

use super::framing::Malformed;

/// What a call would give at the most.
pub const ROOM: usize = 0;

/// What a compression in progress would keep.
pub const STATE_BYTES: usize = 0;

/// None.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Never);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Never {}

impl Level {
    /// None.
    pub const DEFAULT: Option<Self> = None;

    /// None.
    pub const fn parse(_: &[u8]) -> Option<Self> {
        None
    }
}

impl fmt::Display for Level {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

/// None.
#[derive(Debug)]
pub struct Deflater(Level);

impl Deflater {
    /// Never called.
    pub const fn new(level: Level) -> Self {
        Self(level)
    }

    /// Never called.
    pub fn deflate(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Malformed> {
        match self.0.0 {}
    }

    /// Never called.
    pub fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Malformed> {
        match self.0.0 {}
    }
}

/// None.
#[derive(Debug)]
pub struct Inflater(Level);

/// As in `deflate.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inflated {
    /// All that was given is used up.
    Hungry,
    /// The room is full.
    Full,
    /// The compressed stream has ended.
    Ended,
}

impl Inflater {
    /// Never called.
    pub const fn new(level: Level) -> Self {
        Self(level)
    }

    /// Never called.
    pub fn inflate(&mut self, _: &mut &[u8]) -> Result<(&[u8], Inflated), Malformed> {
        match self.0.0 {}
    }
}
