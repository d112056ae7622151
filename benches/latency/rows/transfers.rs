//! Rows of large files: the rate of downloads and uploads, and the CPU time that they cost the server.
//!
//! The files are in the page cache. CPU time is measured beside the rate, as it depends less on what else
//! the machine does. Owns the threads of clients that transfer at once.

use std::fs;
use std::io;
use std::thread;

use crate::Bench;
use crate::contest::{contest, rate_and_cpu};
use crate::field::Contender;
use crate::identity::{Identity, KeyKind};
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};
use crate::transfers::Session;

/// The sessions that transfer at once.
const AT_ONCE: usize = 4;

/// The goal of downloads.
const RETR: Goal = Goal::Floor(0.98);
/// The goal of uploads.
const STOR: Goal = Goal::Floor(0.97);
/// The goal of their CPU time.
const STOR_CPU: Goal = Goal::Peer(1.0);
/// The goal of transfers over TLS.
const TLS: Goal = Goal::Floor(0.97);

/// A kind of transfer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// RETR.
    Retr,
    /// STOR of a name that does not exist.
    StorNew,
    /// STOR of a name that exists.
    StorOver,
}

/// One RETR.
pub(super) fn retr(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::Retr);
    measure(bench, load, "RETR 256 MiB", [RETR, Goal::None])
}

/// Four RETR at once.
pub(super) fn four_retr(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::Retr).at_once();
    measure(bench, load, "four RETR 256 MiB at once", [RETR, Goal::None])
}

/// STOR under a new name.
pub(super) fn stor_new(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::StorNew);
    measure(bench, load, "STOR 256 MiB, new name", [STOR, STOR_CPU])
}

/// STOR in the place of a file.
pub(super) fn stor_over(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::StorOver);
    measure(bench, load, "STOR 256 MiB, overwrite", [STOR, STOR_CPU])
}

/// Four STOR at once.
pub(super) fn four_stor(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::StorNew).at_once();
    measure(bench, load, "four STOR 256 MiB at once", [STOR, STOR_CPU])
}

/// RETR with PROT P.
pub(super) fn tls_retr(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::Retr).over_tls();
    measure(bench, load, "TLS: RETR 256 MiB", [TLS, Goal::None])
}

/// STOR with PROT P.
pub(super) fn tls_stor(bench: &Bench) -> io::Result<Vec<Line>> {
    let load = Load::new(Kind::StorOver).over_tls();
    measure(
        bench,
        load,
        "TLS: STOR 256 MiB, overwrite",
        [TLS, Goal::None],
    )
}

/// The transfers of a round.
#[derive(Clone, Copy)]
struct Load {
    kind: Kind,
    sessions: usize,
    over_tls: bool,
}

impl Load {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            sessions: 1,
            over_tls: false,
        }
    }

    fn at_once(self) -> Self {
        let sessions = AT_ONCE;
        Self { sessions, ..self }
    }

    fn over_tls(self) -> Self {
        let over_tls = true;
        Self { over_tls, ..self }
    }
}

/// A line for the rate, and one for the CPU time: of one STOR, or of each load with `--all`.
fn measure(bench: &Bench, load: Load, name: &str, goals: [Goal; 2]) -> io::Result<Vec<Line>> {
    let Load { kind, sessions, .. } = load;
    let length = bench.large_file();
    let stage = Stage::new(length)?;
    let identity = load.over_tls.then(|| Identity::new(KeyKind::P256));
    let identity = identity.transpose()?;
    let setup = Setup {
        identity: identity.as_ref(),
        ..Setup::plain(&stage)
    };
    let field = bench.start(&setup, &setup.floor())?;
    let field = field.with_peers(bench, &setup);
    let open = |contender: &Contender| match setup.identity {
        Some(identity) => Session::open_protected(contender, identity),
        None => Session::open(contender),
    };
    let enter = |contender: &Contender| {
        let clients = (0..sessions).map(|_| open(contender));
        let mut clients = clients.collect::<io::Result<Vec<_>>>()?;
        // Once before the first round: for what only the first transfer does.
        transfer(kind, contender, &mut clients, length)?;
        Ok(clients)
    };
    let results = contest(field, bench.rounds(1), enter, |contender, clients| {
        if kind == Kind::StorNew {
            remove_uploads(&stage, contender, sessions)?;
        }
        let all = || transfer(kind, contender, clients, length);
        rate_and_cpu(contender, length * sessions, all)
    })?;
    let [of_rate, of_cpu] = goals;
    let mut lines = results.lines([(name, Unit::Throughput, of_rate), (name, Unit::Cpu, of_cpu)]);
    let in_readme = kind == Kind::StorNew && sessions == 1;
    if !in_readme && !bench.options.all {
        lines.truncate(1);
    }
    Ok(lines)
}

/// Transfers a file in each session, and waits for all.
fn transfer(
    kind: Kind,
    contender: &Contender,
    clients: &mut [Session],
    length: usize,
) -> io::Result<()> {
    let one = |number: usize, client: &mut Session| match kind {
        Kind::Retr => client.retrieve(length),
        Kind::StorNew | Kind::StorOver => {
            client.store(&format!("in/{}", upload(contender, number)), length)
        }
    };
    if let [client] = clients {
        return one(0, client);
    }
    thread::scope(|scope| {
        let clients = clients.iter_mut().enumerate();
        let threads: Vec<_> = clients
            .map(|(number, client)| scope.spawn(move || one(number, client)))
            .collect();
        for thread in threads {
            let joined = thread.join();
            joined.unwrap_or_else(|_| Err(io::Error::other("a client panicked")))?;
        }
        Ok(())
    })
}

fn upload(contender: &Contender, number: usize) -> String {
    format!("{}-{number}", contender.who.name())
}

fn remove_uploads(stage: &Stage, contender: &Contender, count: usize) -> io::Result<()> {
    for number in 0..count {
        fs::remove_file(stage.uploads().join(upload(contender, number)))?;
    }
    Ok(())
}
