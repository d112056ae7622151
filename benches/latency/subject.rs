//! The processes that are measured: started on a free port, awaited, killed at the end.
//!
//! Owns the children. Must not know what is measured.

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

/// How long a child may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(10);
/// The unit of `/proc`, on all but some forgotten architectures.
#[cfg(feature = "tls")]
const MILLISECONDS_A_TICK: u64 = 10;
const PAUSE_BETWEEN_PROBES: Duration = Duration::from_millis(2);
/// Another process may take the port in the moment between choosing and binding it.
const ATTEMPTS: usize = 5;

/// A running child, killed when it is dropped, which a panic does as well.
pub(crate) struct Subject {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Subject {
    /// Its process id, as `/proc` has it.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The processor's time that it has taken, those of its threads that have ended included.
    #[cfg(feature = "tls")]
    pub(crate) fn processor_time(&self) -> io::Result<Duration> {
        let path = format!("/proc/{}/stat", self.process_id());
        let text = fs::read_to_string(&path)?;
        // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th of
        // the fields behind it.
        let fields = text.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * MILLISECONDS_A_TICK))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Bench {
    /// The control-only server beside the floor.
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

    /// The server that serves `directory`, which has no floor of its own kind.
    pub(crate) fn start_serving(&self, directory: &Path) -> io::Result<Subject> {
        self.start_with(directory, &[])
    }

    /// The same; in its sandbox it shows what memory it has to root alone.
    pub(crate) fn start_observable(&self, directory: &Path) -> io::Result<Subject> {
        self.start_with(directory, &["--no-sandbox".as_ref()])
    }

    /// The server that serves `directory` by TLS too, and lets clients write.
    #[cfg(feature = "tls")]
    pub(crate) fn start_secured(
        &self,
        directory: &Path,
        identity: &Identity,
    ) -> io::Result<Subject> {
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

    /// A floor, by the kind that an address makes.
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

/// Starts what `command` makes for a free port. The server logs its port only at a level
/// that is too talkative to measure with, so the port is chosen here.
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
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let connected = TcpStream::connect(subject.address);
        // Asked after the connect: whoever answered, this child must be alive.
        if let Some(status) = subject.child.try_wait()? {
            return Err(io::Error::other(format!("ended at its start: {status}")));
        }
        match connected {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(PAUSE_BETWEEN_PROBES),
        }
    }
}
