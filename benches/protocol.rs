//! Microbenchmarks of the protocol layer: lines, requests, replies, listings, conversions.
//!
//! These costs are small beside the system calls of a command; the benchmarks guard that they stay so.
//! `cargo bench --bench protocol NAME` measures only those whose name contains NAME.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use mioftpd::internals::protocol::ascii::{Decoder, Encoder};
use mioftpd::internals::protocol::command::Request;
use mioftpd::internals::protocol::date::Precision;
use mioftpd::internals::protocol::entry::{Entry, Kind, Metadata};
use mioftpd::internals::protocol::facts::{FactFormat, FactSet, write_mlsx_line};
use mioftpd::internals::protocol::glob;
use mioftpd::internals::protocol::line::{Line, LineBuffer};
use mioftpd::internals::protocol::listing::write_ls_line;
use mioftpd::internals::protocol::reply::Reply;
use mioftpd::{Permissions, Zone};

const BATCHES: usize = 101;

/// The least time of a batch: far more than the resolution of the clock.
const BATCH_TIME: Duration = Duration::from_millis(5);

fn main() {
    println!(
        "{:<32}{:>12}{:>12}{:>12}",
        "ns a call", "median", "5 %", "95 %"
    );
    lines();
    requests();
    replies();
    listings();
    conversions();
}

/// Prints the median time of a call, and its 5th and 95th percentile, over batches of calls.
#[allow(clippy::indexing_slicing, reason = "percentiles are in range")]
fn measure(name: &str, mut call: impl FnMut()) {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.find(|argument| !argument.starts_with("--"));
    if wanted.is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let mut batch = |calls: u32| {
        let begin = Instant::now();
        (0..calls).for_each(|_| call());
        begin.elapsed()
    };
    let mut calls = 1;
    while batch(calls) < BATCH_TIME {
        calls *= 2;
    }
    let mut times = [(); BATCHES].map(|()| batch(calls).as_secs_f64() * 1e9 / f64::from(calls));
    times.sort_by(f64::total_cmp);
    let [low, median, high] = [5, 50, 95].map(|percent| times[percent * (BATCHES - 1) / 100]);
    println!("{name:<32}{median:>12.1}{low:>12.1}{high:>12.1}");
}

/// Splits received bytes into lines with attach and detach, like a turn of the event loop.
fn lines() {
    let pipelined = b"NOOP\r\n".repeat(64);
    for (name, input) in [
        ("lines: one NOOP", &b"NOOP\r\n"[..]),
        ("lines: 64 NOOPs", &pipelined),
        ("lines: urgent ABOR", b"\xff\xf4\xff\xf2ABOR\r\n"),
    ] {
        let mut scratch = LineBuffer::with_capacity(16 * 1024);
        let mut buffer = LineBuffer::default();
        measure(name, || {
            buffer.attach(&mut scratch);
            for (slot, byte) in buffer.spare().iter_mut().zip(input) {
                *slot = *byte;
            }
            buffer.filled(input.len());
            while let Some(Line::Text(line)) = buffer.next_line(|_| ()) {
                black_box(line);
            }
            buffer.detach(&mut scratch);
        });
    }
}

fn requests() {
    for line in ["NOOP", "retr /path/to/file.txt", "UNKNOWN command"] {
        measure(&format!("request: {line}"), || {
            let _ = black_box(Request::parse(black_box(line.as_bytes())));
        });
    }
}

fn replies() {
    let features = Reply::new(211, *b"Features:\nEPSV\nMDTM\nREST STREAM\nSIZE\nEnd");
    for (name, reply) in [
        ("reply: fixed", Reply::ok()),
        ("reply: multi-line", features),
    ] {
        let mut out = Vec::new();
        measure(name, || {
            out.clear();
            black_box(&reply).write_to(&mut out);
            black_box(&out);
        });
    }
}

fn listings() {
    let entry = entry();
    let mut out = Vec::new();
    measure("listing: LIST line", || {
        out.clear();
        write_ls_line(
            &mut out,
            black_box(&entry),
            1_800_000_000,
            Zone::UTC,
            |name| Cow::Borrowed(name),
        );
    });
    let format = FactFormat {
        facts: FactSet::default(),
        precision: Precision::Seconds,
        permissions: Permissions::ALL,
    };
    measure("listing: MLSD line", || {
        out.clear();
        write_mlsx_line(&mut out, format, black_box(&entry));
    });
    // The worst case: from every position of the star, only the last byte fails to match.
    let (pattern, name) = ([&b"*"[..], &[b'a'; 127], b"b"].concat(), [b'a'; 255]);
    measure("listing: worst pattern", || {
        black_box(glob::matches(black_box(&pattern), black_box(&name)));
    });
}

fn conversions() {
    let file = b"A line of text, neither short nor long.\n".repeat(1600);
    let (mut wire, mut out) = (Vec::new(), Vec::new());
    Encoder::default().encode(&file, &mut wire);
    measure("ascii: encode 64,000 bytes", || {
        out.clear();
        Encoder::default().encode(black_box(&file), &mut out);
    });
    measure("ascii: decode 65,600 bytes", || {
        out.clear();
        Decoder::default().decode(black_box(&wire), &mut out);
    });
}

fn entry() -> Entry {
    Entry {
        name: b"holiday pictures.tar.gz".to_vec(),
        metadata: Metadata {
            kind: Kind::File,
            size: 1_234_567_890,
            modified: 1_790_000_000,
            modified_nanoseconds: 123_456_789,
            created: None,
            mode: 0o644,
            links: 1,
            owner: 1000,
            group: 1000,
            unique: (0xfd01, 0x00de_cade),
        },
        target: None,
        followed: None,
        allowed: Permissions::UNLIMITED,
    }
}
