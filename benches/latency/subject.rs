//! The measured processes: started on a free port, awaited until they listen, killed at the end.
//!
//! Owns the child processes. Must not know the rows.

use std::ffi::OsStr;
#[cfg(feature = "tls")]
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::alternate::Both;
use crate::floor;
use crate::options::{Server, floor_arguments};
use crate::pinning::Pinning;
#[cfg(feature = "tls")]
use crate::tls::Identity;

/// The time-out for a child to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// The clock tick of `/proc` (`USER_HZ`), which is 10 ms on all current architectures.
#[cfg(feature = "tls")]
const MILLISECONDS_PER_TICK: u64 = 10;
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
/// Retries, in case another process binds the chosen port first.
const ATTEMPTS: usize = 5;

/// A running child process, killed on drop, also by a panic.
pub(crate) struct Subject {
    child: Child,
    /// The address on which it listens.
    pub(crate) address: SocketAddr,
}

impl Subject {
    /// The process id.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time of all its threads, including those that have ended.
    #[cfg(feature = "tls")]
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let path = format!("/proc/{}/stat", self.process_id());
        let text = fs::read_to_string(&path)?;
        // The name, in parentheses, may contain anything; utime and stime are the 12th and 13th
        // fields after it.
        let fields = text.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * MILLISECONDS_PER_TICK))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Fails if the child has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Bench {
    /// Starts the server in control-only mode, and its floor.
    pub(crate) fn start_commands(&self) -> io::Result<Both<Subject>> {
        Ok(Both {
            server: match &self.options.server {
                Server::Program(program) => start(&self.pinning, |address| {
                    Ok(server_command(program, address))
                })?,
                Server::SecondFloor => self.start_floor(floor::Kind::Commands)?,
            },
            floor: self.start_floor(floor::Kind::Commands)?,
        })
    }

    /// Starts the server with `directory` as its root.
    pub(crate) fn start_serving(&self, directory: &Path) -> io::Result<Subject> {
        self.start_with(directory, &[])
    }

    /// The same without the sandbox, in which only root can read its memory statistics.
    pub(crate) fn start_observable(&self, directory: &Path) -> io::Result<Subject> {
        self.start_with(directory, &["--no-sandbox".as_ref()])
    }

    /// Starts the server with `directory` as its writable root, with TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn start_tls(&self, directory: &Path, identity: &Identity) -> io::Result<Subject> {
        let (certificate, key) = (identity.certificate(), identity.key());
        let options = ["--tls-cert".as_ref(), certificate.as_os_str()];
        let options = [&options, ["--tls-key".as_ref(), key.as_os_str()].as_slice()].concat();
        self.start_with(
            directory,
            &[&options, ["--writable".as_ref()].as_slice()].concat(),
        )
    }

    fn start_with(&self, directory: &Path, options: &[&OsStr]) -> io::Result<Subject> {
        let Server::Program(program) = &self.options.server else {
            let message = "the floor cannot serve a directory";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        };
        start(&self.pinning, |address| {
            let mut command = server_command(program, address);
            command
                .args(["--workers", "2"])
                .args(options)
                .arg(directory);
            Ok(command)
        })
    }

    /// Starts a floor of the kind that `kind` returns for its address.
    pub(crate) fn start_floor(
        &self,
        kind: impl Fn(SocketAddr) -> floor::Kind,
    ) -> io::Result<Subject> {
        start(&self.pinning, |address| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(floor_arguments(&kind(address)));
            Ok(command)
        })
    }
}

fn server_command(program: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--listen")
        .arg(address.to_string())
        .args(["--log", "warn"]);
    command
}

/// Starts the command for a free port. The port is chosen here because the server logs its own only
/// at a log level that would distort the measurement.
fn start(
    pinning: &Pinning,
    command: impl Fn(SocketAddr) -> io::Result<Command>,
) -> io::Result<Subject> {
    let mut last = io::Error::other("never started");
    for _ in 0..ATTEMPTS {
        let address = free_address()?;
        let mut command = command(address)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = pinning.spawn(&mut command).map_err(|error| {
            let program = command.get_program().display();
            io::Error::other(format!("cannot start {program}: {error}"))
        })?;
        let mut subject = Subject { child, address };
        match await_listening(&mut subject) {
            Ok(()) => return Ok(subject),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn free_address() -> io::Result<SocketAddr> {
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
