//! The measured processes: started on a free port, awaited until they listen, killed at the end.
//!
//! Owns the child processes and reads their CPU time. Must not know what they serve.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};
use tempfile::TempDir;

use crate::pinning::Pinning;

/// The time-out for a child to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
/// Retries, in case another process binds the chosen port first.
const ATTEMPTS: usize = 5;

/// A running child process, killed on drop, also by a panic.
pub(crate) struct Subject {
    child: Child,
    /// The address on which it listens.
    pub(crate) address: SocketAddr,
    /// Its configuration files.
    _files: Option<TempDir>,
}

/// A command that listens on the address for which it was made, and its configuration files.
pub(crate) struct Program {
    /// The command.
    pub(crate) command: Command,
    /// The files, kept while it runs.
    pub(crate) files: Option<TempDir>,
}

impl From<Command> for Program {
    fn from(command: Command) -> Self {
        let files = None;
        Self { command, files }
    }
}

impl Subject {
    /// The process id.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time of all threads of the process and its descendants, in nanoseconds from `schedstat`.
    /// Those that have ended do not count.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let parents = parents()?;
        let own = self.process_id();
        let is_own = |process: &u32| {
            let next = |process: &u32| parents.get(process).copied();
            std::iter::successors(Some(*process), next).any(|process| process == own)
        };
        let nanoseconds = parents.keys().filter(|process| is_own(process));
        let nanoseconds = nanoseconds.map(|process| nanoseconds_of(*process)).sum();
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Fails if the child has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The parent of each process.
fn parents() -> io::Result<HashMap<u32, u32>> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name, in parentheses, may contain anything; the state and the parent follow.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let parent = fields.split_whitespace().nth(1);
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            parents.insert(process, parent);
        }
    }
    Ok(parents)
}

fn nanoseconds_of(process: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return 0;
    };
    let of_thread = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(of_thread).sum()
}

/// Starts a program on a free port. The port is chosen here because the server logs its own only at a log
/// level that would distort the measurement, and peers never do.
pub(crate) fn start(
    pinning: &Pinning,
    program: impl Fn(SocketAddr) -> io::Result<Program>,
) -> io::Result<Subject> {
    let mut last = io::Error::other("never started");
    for _ in 0..ATTEMPTS {
        let address = free_address()?;
        let Program { mut command, files } = program(address)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = pinning.spawn(&mut command).map_err(|error| {
            let program = command.get_program().display();
            io::Error::other(format!("cannot start {program}: {error}"))
        })?;
        let mut subject = Subject {
            child,
            address,
            _files: files,
        };
        match await_listening(&mut subject) {
            Ok(()) => return Ok(subject),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A loopback address with a port that is free at present.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn await_listening(subject: &mut Subject) -> io::Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let connected = TcpStream::connect(subject.address);
        // After the connect: another process may listen on the port, so the child must be alive.
        if let Some(status) = subject.child.try_wait()? {
            return Err(io::Error::other(format!("ended at start-up: {status}")));
        }
        match connected {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(PROBE_INTERVAL),
        }
    }
}

/// The command that runs `command` in a process that the kernel kills when the benchmark ends, however
/// it ends. Its sessions end with their clients.
pub(crate) fn peer_command(command: &Command) -> io::Result<Command> {
    let mut peer = Command::new(std::env::current_exe()?);
    peer.arg("--run-peer").arg(command.get_program());
    peer.args(command.get_args()).stderr(Stdio::null());
    Ok(peer)
}

/// Becomes the program of [`peer_command`]; returns only if that fails.
pub(crate) fn become_peer(command: &[OsString]) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    Err(Command::new(program).args(arguments).exec())
}
