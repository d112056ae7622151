//! How many connections there may be, and which limit it is that allows no more: the log names it
//! where a client is turned away, so that the operator knows which one to raise.

use std::fmt;

/// The most connections at once, and what keeps them from being more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many.
    pub connections: usize,
    /// By which limit.
    pub bound: Bound,
}

/// A limit of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Their number.
    Number,
    /// The memory that they may take.
    Memory,
    /// The files that the process may have open.
    Files,
}

impl From<usize> for Room {
    fn from(connections: usize) -> Self {
        let bound = Bound::Number;
        Self { connections, bound }
    }
}

impl Room {
    /// No more than so many, by the same limit.
    #[must_use]
    pub fn at_most(self, connections: usize) -> Self {
        Self {
            connections: self.connections.min(connections),
            ..self
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "limits.connections",
            Self::Memory => "limits.memory",
            Self::Files => "the limit of open files (ulimit -n, LimitNOFILE of systemd.exec(5))",
        })
    }
}
