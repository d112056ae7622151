//! The row of a busy server: NOOP latency while four downloads run.
//!
//! The floor has a thread for each of them in `sendfile`, and one that answers NOOP, all on the
//! server's CPU. Owns the downloading threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::Bench;
use crate::contest::contest;
use crate::control::{IO_TIMEOUT, time_noops};
use crate::field::Contender;
use crate::pinning::lower_priority;
use crate::setup::{Setup, Stage};
use crate::table::{Goal, Line, Unit};
use crate::transfers::Session;

const TRANSFERS: usize = 4;

/// A session for NOOPs, and those that download.
type Client = (Session, Vec<Session>);

/// NOOPs during four downloads.
pub(super) fn busy(bench: &Bench) -> io::Result<Vec<Line>> {
    let length = bench.large_file();
    let stage = Stage::new(length)?;
    let setup = Setup::plain(&stage);
    let field = bench.start(&setup, &setup.floor())?;
    let field = field.with_peers(bench, &setup);
    let count = bench.amount(500);
    let enter = |contender: &Contender| -> io::Result<Client> {
        let open = |_| Session::open(contender);
        let downloading = (0..TRANSFERS).map(open).collect::<io::Result<_>>()?;
        Ok((Session::open(contender)?, downloading))
    };
    let results = contest(field, bench.rounds(2), enter, |_, client| {
        let (session, downloading) = client;
        let measure = || time_noops(session.control(), count);
        let [_, p99] = during_downloads(downloading, length, measure)?.p50_and_p99();
        Ok([p99])
    })?;
    let measure = "NOOP beside four RETR, p99";
    Ok(results.lines([(measure, Unit::Microseconds, Goal::Floor(1.1))]))
}

/// Calls `measure` while downloads run.
fn during_downloads<T>(
    sessions: &mut [Session],
    length: usize,
    measure: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let stop = AtomicBool::new(false);
    let (started, starts) = mpsc::channel();
    let download = |session: &mut Session, started: mpsc::Sender<()>| -> io::Result<()> {
        lower_priority();
        // Fails if another download has failed: then the receiver is gone.
        let _ = started.send(());
        while !stop.load(Ordering::Relaxed) {
            session.retrieve(length)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .iter_mut()
            .map(|session| {
                let started = started.clone();
                scope.spawn(|| download(session, started))
            })
            .collect();
        let measured = await_starts(&starts).and_then(|()| measure());
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            let result = thread.join();
            result.unwrap_or_else(|_| Err(io::Error::other("a download panicked")))?;
        }
        measured
    })
}

fn await_starts(starts: &Receiver<()>) -> io::Result<()> {
    for _ in 0..TRANSFERS {
        starts.recv_timeout(IO_TIMEOUT).map_err(io::Error::other)?;
    }
    Ok(())
}
