//! The maximum number of connections, and the limit that determines it: the log names this limit
//! when a client is refused, so that the operator knows which one to raise.

use std::fmt;

/// The maximum number of connections, and the limit that determines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// The maximum.
    pub connections: usize,
    /// The limit that determines it.
    pub bound: LimitCause,
    /// The passive listeners for which these connections leave descriptors.
    pub listeners: usize,
}

/// A limit on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitCause {
    /// Their configured number.
    Number,
    /// The configured memory.
    Memory,
    /// The memory of the process.
    Process,
    /// The file descriptors of the process.
    Files,
}

impl From<usize> for ConnectionLimit {
    fn from(connections: usize) -> Self {
        Self {
            connections,
            bound: LimitCause::Number,
            listeners: usize::MAX,
        }
    }
}

impl ConnectionLimit {
    /// Lowers the maximum to at most `connections`; the limit stays the same.
    #[must_use]
    pub fn at_most(self, connections: usize) -> Self {
        Self {
            connections: self.connections.min(connections),
            ..self
        }
    }
}

impl fmt::Display for LimitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "limits.connections",
            Self::Memory => "limits.memory",
            Self::Process => {
                "the limit of memory (ulimit -v and -d, LimitAS and LimitDATA of systemd.exec(5))"
            }
            Self::Files => "the limit of open files (ulimit -n, LimitNOFILE of systemd.exec(5))",
        })
    }
}
