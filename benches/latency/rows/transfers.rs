//! Rows of single transfers: a large file's rate, a small file's whole cycle.

use std::io;
use std::time::Instant;

use crate::Bench;
use crate::alternate::{Both, Rates, Times, alternate};
use crate::download::{Downloader, Sample};
use crate::floor;
use crate::table::{Line, Value};

/// A large file from the page cache, beside a thread that does nothing but `sendfile`.
pub(super) fn large(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(bench.large_file())?;
    let subjects = Both {
        server: bench.start_serving(sample.directory.path())?,
        floor: bench.start_floor(|address| floor::Kind::Files(address, sample.file()))?,
    };
    let mut downloaders = Both {
        server: Downloader::ftp(subjects.server.address, &sample)?,
        floor: Downloader::bare(subjects.floor.address, &sample),
    };
    let mut rates = Both::<Rates>::default();
    alternate(bench.effort(15, 1), |side| {
        let start = Instant::now();
        downloaders.of(side).fetch()?;
        rates.of(side).note(sample.length, start);
        Ok(())
    })?;
    let measure = format!("{} MiB by sendfile", sample.length >> 20);
    let line = Line::rates(measure, &mut rates, Value::Throughput, "ratio >= 0.9");
    Ok(vec![line])
}

/// What a small file costs from EPSV to 226, over a control connection that stands.
pub(super) fn small(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(1024)?;
    let server = bench.start_serving(sample.directory.path())?;
    let mut downloader = Downloader::ftp(server.address, &sample)?;
    let mut times = Times::new()?;
    let effort = bench.effort(20, 100);
    for _ in effort.rounds() {
        for _ in 0..effort.per_round {
            times.time(|| downloader.fetch())?;
        }
    }
    let line = |measure, fraction, wanted| {
        Line::alone(measure, Value::Time(times.quantile(fraction)), wanted)
    };
    Ok(vec![
        line("1 KiB, EPSV to 226, p50", 0.5, "< 200 us"),
        line("1 KiB, EPSV to 226, p99", 0.99, ""),
    ])
}
