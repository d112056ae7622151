//! The row of a busy server: how long a command waits while four transfers run.
//!
//! The floor is what the kernel's scheduler makes of the same load: the epoll program, and
//! beside it a process with four threads that send files, all on the server's CPU.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::process::setpriority_process;
use rustix::thread::gettid;

use crate::Bench;
use crate::alternate::{Both, Rates, Side, Times, alternate};
use crate::control::{Control, PATIENCE};
use crate::download::{Downloader, Sample};
use crate::floor;
use crate::table::{Line, Value};

use super::commands::time_noops;

const TRANSFERS: usize = 4;

/// NOOPs beside four downloads.
pub(super) fn busy(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(bench.large_file())?;
    let server = bench.start_serving(sample.directory.path())?;
    let command_floor = bench.start_floor(floor::Kind::Commands)?;
    let file_floor = bench.start_floor(|address| floor::Kind::Files(address, sample.file()))?;

    let mut clients = Both {
        server: Control::connect(server.address)?,
        floor: Control::connect(command_floor.address)?,
    };
    // Who is not logged in is slowed down.
    clients.server.log_in()?;
    let mut times = Times::both()?;
    let mut rates = Both::<Rates>::default();
    let effort = bench.effort(4, 2500);
    alternate(effort, |side| {
        let (client, times) = (clients.of(side), times.of(side));
        let start_download = || match side {
            Side::Server => Downloader::ftp(server.address, &sample),
            Side::Floor => Ok(Downloader::bare(file_floor.address, &sample)),
        };
        let start = Instant::now();
        let files = beside_downloads(start_download, || {
            time_noops(client, times, effort.per_round)
        })?;
        rates.of(side).note(files * sample.length, start);
        Ok(())
    })?;
    Ok(vec![
        Line::quantile("NOOP beside 4 RETR, p50", &times, 0.5, ""),
        Line::quantile("NOOP beside 4 RETR, p99", &times, 0.99, "< 1000 us"),
        Line::rates("4 RETR together", &mut rates, Value::Throughput, ""),
    ])
}

/// Calls `measure` while downloads run; how many files they got in all.
fn beside_downloads(
    connect: impl Fn() -> io::Result<Downloader> + Sync,
    measure: impl FnOnce() -> io::Result<()>,
) -> io::Result<usize> {
    let stop = AtomicBool::new(false);
    let (started, starts) = mpsc::channel();
    let download = |started: mpsc::Sender<()>| {
        step_back();
        let mut downloader = connect()?;
        // Nobody listens any more when another download has failed.
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
        starts.recv_timeout(PATIENCE).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Lets the measuring thread go before this one on the CPU that they share: what it waits
/// for must be the server, not a download that happens to run. Where that is refused, the
/// numbers are only worse.
pub(super) fn step_back() {
    let _ = setpriority_process(Some(gettid()), 19);
}
