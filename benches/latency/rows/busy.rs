//! The row of a busy server: NOOP latency while four downloads run.
//!
//! The floor is the same load on the kernel's scheduler alone: the epoll program, and beside it a
//! process with four threads in sendfile, all on the server's CPU. Owns the downloading threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use crate::Bench;
use crate::alternate::{Both, Rates, Side, Times, alternate};
use crate::control::{Control, IO_TIMEOUT, time_noops};
use crate::download::{Downloader, Sample};
use crate::floor;
use crate::pinning::lower_priority;
use crate::table::{Line, Value};

const TRANSFERS: usize = 4;

/// NOOPs during four downloads.
pub(super) fn busy(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(bench.large_file())?;
    let server = bench.start_serving(sample.directory.path())?;
    let command_floor = bench.start_floor(floor::Kind::Commands)?;
    let file_floor = bench.start_floor(|address| floor::Kind::Files(address, sample.file()))?;

    let mut clients = Both {
        server: Control::connect(server.address)?,
        floor: Control::connect(command_floor.address)?,
    };
    // The server throttles clients before login.
    clients.server.log_in()?;
    let mut times = Times::both()?;
    let mut rates = Both::<Rates>::default();
    let effort = bench.effort(4, 2500);
    alternate(effort, |side| {
        let (client, times) = (clients.of(side), times.of(side));
        let connect = || match side {
            Side::Server => Downloader::from_server(server.address, &sample),
            Side::Floor => Ok(Downloader::from_floor(file_floor.address, &sample)),
        };
        let start = Instant::now();
        let files = during_downloads(connect, || time_noops(client, times, effort.per_round))?;
        rates.of(side).record(files * sample.length, start);
        Ok(())
    })?;
    Ok(vec![
        Line::quantile("NOOP beside 4 RETR, p50", &times, 0.5, ""),
        Line::quantile("NOOP beside 4 RETR, p99", &times, 0.99, "< 1000 us"),
        Line::rates("4 RETR together", &mut rates, Value::Throughput, ""),
    ])
}

/// Calls `measure` while downloads run, and returns the number of files that were downloaded.
fn during_downloads(
    connect: impl Fn() -> io::Result<Downloader> + Sync,
    measure: impl FnOnce() -> io::Result<()>,
) -> io::Result<usize> {
    let stop = AtomicBool::new(false);
    let (started, starts) = mpsc::channel();
    let download = |started: mpsc::Sender<()>| {
        lower_priority();
        let mut downloader = connect()?;
        // Fails if another download has failed: then the receiver is gone.
        let _ = started.send(());
        let mut files = 0;
        while files == 0 || !stop.load(Ordering::Relaxed) {
            downloader.fetch()?;
            files += 1;
        }
        Ok(files)
    };
    thread::scope(|scope| {
        let downloads: Vec<_> = (0..TRANSFERS)
            .map(|_| {
                let started = started.clone();
                scope.spawn(|| download(started))
            })
            .collect();
        let measured = await_starts(&starts).and_then(|()| measure());
        stop.store(true, Ordering::Relaxed);
        let mut files = 0;
        for download in downloads {
            let result: io::Result<usize> = download
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a download panicked")));
            files += result?;
        }
        measured.map(|()| files)
    })
}

fn await_starts(starts: &Receiver<()>) -> io::Result<()> {
    for _ in 0..TRANSFERS {
        starts.recv_timeout(IO_TIMEOUT).map_err(io::Error::other)?;
    }
    Ok(())
}
