//! The contenders of a row, started: the server, its floor, and what else is measured beside them.
//!
//! Owns who takes part. The command lines are the server's here, and those of the others in [`floor`] and
//! [`peers`](crate::peers).

use std::io;
use std::net::SocketAddr;
use std::process::Command;

use crate::Bench;
use crate::floor::{self, Task};
use crate::options::Server;
use crate::peers::{self, Peer};
use crate::setup::Setup;
use crate::subject::{self, Program, Subject};

/// A contender by its part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The measured server.
    Server,
    /// The program with which it is compared.
    Floor,
    /// The floor's dialogue on tokio.
    Runtime,
    /// Another FTP server.
    Peer(Peer),
}

impl Who {
    /// A name of an account without a password that is checked.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Self::Peer(peer) => peer.user(),
            _ => "anonymous",
        }
    }

    /// A name that is part of file names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Floor => "floor",
            Self::Runtime => "tokio",
            Self::Peer(peer) => peer.name(),
        }
    }
}

/// A running contender.
pub(crate) struct Contender {
    /// Its part.
    pub(crate) who: Who,
    /// Its process.
    pub(crate) subject: Subject,
}

impl Contender {
    /// The amount of work in a round of what takes peers up to ten times as long: a tenth for them.
    pub(crate) fn share(&self, amount: usize) -> usize {
        match self.who {
            Who::Peer(_) => amount.div_ceil(10),
            _ => amount,
        }
    }
}

/// The contenders of a row.
pub(crate) struct Field {
    /// Those that run, the server and the floor first.
    pub(crate) contenders: Vec<Contender>,
    /// The peers that do not, each with a word for the table.
    pub(crate) absent: Vec<(Peer, &'static str)>,
}

impl Field {
    /// The row has no task for peers.
    pub(crate) fn without_peers(mut self) -> Self {
        self.absent = Peer::ALL.map(|peer| (peer, "-")).into();
        self
    }

    /// Starts the floor's dialogue on tokio too.
    pub(crate) fn with_runtime(mut self, bench: &Bench) -> io::Result<Self> {
        let subject = bench.start_floor(&floor::Program::Runtime)?;
        let who = Who::Runtime;
        self.contenders.push(Contender { who, subject });
        Ok(self)
    }

    /// Starts all peers that are installed.
    pub(crate) fn with_peers(mut self, bench: &Bench, setup: &Setup<'_>) -> Self {
        for peer in Peer::ALL {
            match start_peer(bench, peer, setup) {
                Ok(subject) => self.contenders.push(Contender {
                    who: Who::Peer(peer),
                    subject,
                }),
                Err(reason) => self.absent.push((peer, reason)),
            }
        }
        self
    }
}

fn start_peer(bench: &Bench, peer: Peer, setup: &Setup<'_>) -> Result<Subject, &'static str> {
    let installed = bench.peers.iter().find(|found| found.peer == peer);
    let installed = installed.ok_or("absent")?;
    let started = subject::start(&bench.pinning, |address| {
        let mut program = peers::program(installed, address, setup)?;
        program.command = subject::peer_command(&program.command)?;
        Ok(program)
    });
    started.map_err(|error| {
        if error.kind() == io::ErrorKind::Unsupported {
            return "no";
        }
        eprintln!("latency: {}: {error}", peer.name());
        "failed"
    })
}

impl Bench {
    /// Starts the server and its floor.
    pub(crate) fn start(&self, setup: &Setup<'_>, floor: &floor::Program) -> io::Result<Field> {
        let server = match &self.options.server {
            Server::Program(_) => self.start_server(setup, &[])?,
            Server::SecondFloor => self.start_floor(floor)?,
        };
        let floor = self.start_floor(floor)?;
        let contenders = [(Who::Server, server), (Who::Floor, floor)];
        Ok(Field {
            contenders: contenders
                .map(|(who, subject)| Contender { who, subject })
                .into(),
            absent: Vec::new(),
        })
    }

    /// Starts the server alone.
    pub(crate) fn start_server(&self, setup: &Setup<'_>, options: &[&str]) -> io::Result<Subject> {
        let Server::Program(server) = &self.options.server else {
            let message = "the floor has no such row";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        };
        subject::start(&self.pinning, |address| {
            let mut command = Command::new(server);
            command
                .arg("--listen")
                .arg(address.to_string())
                .args(["--log", "error", "--workers", "2", "--writable"])
                .args(options);
            if let Some(identity) = setup.identity {
                command.arg("--tls-cert").arg(identity.certificate());
                command.arg("--tls-key").arg(identity.key());
            }
            if setup.one_port {
                let port = subject::free_address()?.port();
                command.args(["--passive-ports", &format!("{port}-{port}")]);
            }
            if setup.busy_poll {
                command.args(["--busy-poll", "50us"]);
            }
            command.arg(setup.root);
            Ok(command.into())
        })
    }

    /// Starts a floor.
    pub(crate) fn start_floor(&self, program: &floor::Program) -> io::Result<Subject> {
        subject::start(&self.pinning, |address: SocketAddr| {
            let program = program.clone();
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--run-floor");
            command.args(Task { address, program }.arguments());
            Ok(Program::from(command))
        })
    }
}
