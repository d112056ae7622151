//! Rows of single transfers: the throughput of a large file, and the latency of a small one.
//!
//! Both files are in the page cache. Only the large one has a floor.

use std::io;
use std::time::Instant;

use crate::Bench;
use crate::alternate::{Both, Rates, Times, alternate};
use crate::download::{Downloader, Sample};
use crate::floor;
use crate::table::{Line, Value};

/// The throughput of a large file; the floor is a `sendfile` loop.
pub(super) fn large(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(bench.large_file())?;
    let subjects = Both {
        server: bench.start_serving(sample.directory.path())?,
        floor: bench.start_floor(|address| floor::Kind::Files(address, sample.file()))?,
    };
    let mut downloaders = Both {
        server: Downloader::from_server(subjects.server.address, &sample)?,
        floor: Downloader::from_floor(subjects.floor.address, &sample),
    };
    let mut rates = Both::<Rates>::default();
    alternate(bench.effort(15, 1), |side| {
        let start = Instant::now();
        downloaders.of(side).fetch()?;
        rates.of(side).record(sample.length, start);
        Ok(())
    })?;
    let measure = format!("{} MiB by sendfile", sample.length >> 20);
    let line = Line::rates(measure, &mut rates, Value::Throughput, "ratio >= 0.9");
    Ok(vec![line])
}

/// The latency of a small file from EPSV to 226, over an open control connection.
pub(super) fn small(bench: &Bench) -> io::Result<Vec<Line>> {
    let sample = Sample::new(1024)?;
    let server = bench.start_serving(sample.directory.path())?;
    let mut downloader = Downloader::from_server(server.address, &sample)?;
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
