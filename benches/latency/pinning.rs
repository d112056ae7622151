//! Which CPU runs what: the client on one, the server and the floor on another.
//!
//! A thread that the scheduler moves between two runs is slower for a reason that has
//! nothing to do with it. Pinning takes that out, and gives server and floor the very
//! same CPU. Without a second CPU, or without permission, everything runs unpinned.

use std::fmt;
use std::io;
use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// What the machine allows.
pub(crate) enum Pinning {
    /// Two CPUs, by number.
    Pinned {
        /// Where the bench itself runs.
        client: usize,
        /// Where the children run.
        server: usize,
    },
    /// Not pinned, for this reason.
    Free(String),
}

impl Pinning {
    /// Takes the last two CPUs allowed (the first is where most machines handle interrupts)
    /// and moves the calling thread to the client's.
    pub(crate) fn choose() -> Self {
        let allowed = match sched_getaffinity(None) {
            Ok(allowed) => allowed,
            Err(error) => return Self::Free(error.to_string()),
        };
        let mut cpus = (0..CpuSet::MAX_CPU)
            .rev()
            .filter(|cpu| allowed.is_set(*cpu));
        let (Some(server), Some(client)) = (cpus.next(), cpus.next()) else {
            return Self::Free("only one CPU is allowed".to_owned());
        };
        match move_here(server).and_then(|()| move_here(client)) {
            Ok(()) => Self::Pinned { client, server },
            Err(error) => Self::Free(error.to_string()),
        }
    }

    /// Starts a child on the server's CPU.
    ///
    /// A child inherits its parent's affinity; pinning it by its id afterwards would miss
    /// the threads that it has started by then.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let Self::Pinned { client, server } = self else {
            return command.spawn();
        };
        move_here(*server)?;
        let child = command.spawn();
        move_here(*client)?;
        child
    }
}

impl fmt::Display for Pinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned { client, server } => {
                write!(
                    f,
                    "client on CPU {client}, server and floor on CPU {server}"
                )
            }
            Self::Free(reason) => write!(f, "not pinned ({reason})"),
        }
    }
}

fn move_here(cpu: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu);
    Ok(sched_setaffinity(None, &only)?)
}
