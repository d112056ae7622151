//! CPU affinity and priority: the client runs on one CPU, the server and the floor on another.
//!
//! Migrations between CPUs would add noise, and two CPUs may differ in speed. Without a second CPU,
//! or without permission, everything runs unpinned.

use std::fmt;
use std::io;
use std::process::{Child, Command};

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

/// The CPUs of client and server.
pub(crate) enum Pinning {
    /// Two CPUs, by number.
    Pinned {
        /// The CPU of the benchmark itself.
        client: usize,
        /// The CPU of its child processes.
        server: usize,
    },
    /// Not pinned, with the reason.
    Free(String),
}

impl Pinning {
    /// Chooses the last two allowed CPUs (most machines handle interrupts on the first) and pins the
    /// calling thread to the client's.
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
        match pin_to(server).and_then(|()| pin_to(client)) {
            Ok(()) => Self::Pinned { client, server },
            Err(error) => Self::Free(error.to_string()),
        }
    }

    /// Spawns a child on the server's CPU.
    ///
    /// The child inherits the affinity of its parent; setting it afterwards would miss threads that
    /// the child has started already.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let Self::Pinned { client, server } = self else {
            return command.spawn();
        };
        pin_to(*server)?;
        let child = command.spawn();
        pin_to(*client)?;
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

fn pin_to(cpu: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(cpu);
    Ok(sched_setaffinity(None, &only)?)
}

/// Gives the calling thread the lowest priority, so that the measuring thread, which shares its CPU,
/// waits only for the server. If that fails, the latencies are higher.
pub(crate) fn lower_priority() {
    let _ = setpriority_process(Some(gettid()), 19);
}
