//! The floor: the measured tasks with the minimum of system calls.
//!
//! Runs as a process of its own like the server, at the same distance from the client. It neither
//! parses commands nor keeps state nor handles misuse: it is a reference, not a server.

mod commands;
mod runtime;
mod transfers;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::process::{Signal, set_parent_process_death_signal};

/// The task of a floor process.
pub(crate) struct Task {
    /// The address to listen on.
    pub(crate) address: SocketAddr,
    /// What to do there.
    pub(crate) program: Program,
}

/// The kinds of floor.
#[derive(Clone)]
pub(crate) enum Program {
    /// Sends the same reply to every line, from an epoll loop.
    Commands {
        /// Poll for some time before sleeping.
        busy_poll: bool,
    },
    /// The same dialogue on tokio.
    Runtime,
    /// Transfers files, from a blocking thread for each client.
    Transfers {
        /// The directory.
        root: PathBuf,
        /// Paths of the certificate and the key, for TLS.
        identity: Option<[PathBuf; 2]>,
    },
}

impl Task {
    /// The arguments from which [`Self::from_arguments`] makes it again.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![self.address.to_string().into()];
        arguments.extend(self.program.arguments());
        arguments
    }

    /// The task of these arguments.
    pub(crate) fn from_arguments(arguments: &[OsString]) -> io::Result<Self> {
        let task = || {
            let [address, name, paths @ ..] = arguments else {
                return None;
            };
            let paths = paths.iter().map(PathBuf::from).collect();
            Some(Self {
                address: address.to_str()?.parse().ok()?,
                program: Program::from_arguments(name.to_str()?, paths)?,
            })
        };
        task().ok_or_else(|| io::Error::other("no such floor"))
    }
}

impl Program {
    /// The arguments from which [`Self::from_arguments`] makes it again.
    fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Commands { busy_poll: false } => vec!["commands".into()],
            Self::Commands { busy_poll: true } => vec!["busy-poll".into()],
            Self::Runtime => vec!["tokio".into()],
            Self::Transfers { root, identity } => {
                let mut arguments = vec!["transfers".into(), root.into()];
                arguments.extend(identity.iter().flatten().map(Into::into));
                arguments
            }
        }
    }

    /// The program with this name and these paths.
    fn from_arguments(name: &str, paths: Vec<PathBuf>) -> Option<Self> {
        let mut paths = paths.into_iter();
        match name {
            "commands" => Some(Self::Commands { busy_poll: false }),
            "busy-poll" => Some(Self::Commands { busy_poll: true }),
            "tokio" => Some(Self::Runtime),
            "transfers" => Some(Self::Transfers {
                root: paths.next()?,
                identity: paths.next().zip(paths.next()).map(Into::into),
            }),
            _ => None,
        }
    }
}

const GREETING: &[u8] = b"220 Service ready for new user.\r\n";
const REPLY: &[u8] = b"200 Command okay.\r\n";
const GOODBYE: &[u8] = b"221 Service closing control connection.\r\n";

/// The size of the buffer for commands.
const INPUT_BYTES: usize = 64 * 1024;

/// Runs until it is killed; the kernel kills it when its parent ends.
pub(crate) fn run(arguments: &[OsString]) -> io::Result<()> {
    let task = Task::from_arguments(arguments)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match &task.program {
        Program::Commands { busy_poll } => commands::run(task.address, *busy_poll),
        Program::Runtime => runtime::run(task.address),
        Program::Transfers { root, identity } => {
            transfers::run(task.address, root, identity.as_ref())
        }
    }
}

/// The answer to what one read has returned.
enum Answer {
    /// This many times [`REPLY`].
    Replies(usize),
    /// [`GOODBYE`], and the end of the connection.
    Goodbye,
    /// The end of the connection.
    End,
}

/// A line that begins with Q counts as QUIT, and clients do not pipeline it.
fn answer_to(lines: &[u8]) -> Answer {
    match lines.first() {
        None => Answer::End,
        Some(b'Q') => Answer::Goodbye,
        Some(_) => {
            let ends = lines.iter().map(|byte| usize::from(*byte == b'\n'));
            Answer::Replies(ends.sum())
        }
    }
}
