//! Microbenchmarks of the protocol layer: lines, requests, replies, listings, conversions.
//!
//! These costs are small beside the system calls of a command; the benchmarks guard that they stay so.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
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

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    lines(&mut criterion);
    requests(&mut criterion);
    replies(&mut criterion);
    listings(&mut criterion);
    conversions(&mut criterion);
    criterion.final_summary();
}

/// Splits received bytes into lines with attach and detach, like a turn of the event loop.
fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lines");
    let pipelined = b"NOOP\r\n".repeat(64);
    let urgent = b"\xff\xf4\xff\xf2ABOR\r\n".to_vec();
    for (name, input, count) in [
        ("one NOOP", &b"NOOP\r\n"[..], 1),
        ("64 NOOPs", &pipelined, 64),
        ("urgent ABOR", &urgent, 1),
    ] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(name, |bencher| {
            let mut scratch = vec![0; 16 * 1024];
            let mut buffer = LineBuffer::default();
            bencher.iter(|| {
                buffer.attach(&mut scratch);
                for (slot, byte) in buffer.spare().iter_mut().zip(input) {
                    *slot = *byte;
                }
                buffer.filled(input.len());
                while let Some(Line::Text(line)) = buffer.next_line() {
                    black_box(line);
                }
                buffer.detach(&mut scratch);
            });
        });
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests");
    for line in ["NOOP", "retr /path/to/file.txt", "UNKNOWN command"] {
        group.bench_function(line, |bencher| {
            bencher.iter(|| black_box(Request::parse(black_box(line.as_bytes()))).is_ok());
        });
    }
    group.finish();
}

fn replies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replies");
    let features = Reply::new(211, *b"Features:\nEPSV\nMDTM\nREST STREAM\nSIZE\nEnd");
    for (name, reply) in [("fixed", Reply::ok()), ("multi-line", features)] {
        group.bench_function(name, |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                black_box(&reply).write_to(&mut out);
                black_box(&out);
            });
        });
    }
    group.finish();
}

fn listings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("listings");
    group.throughput(Throughput::Elements(1));
    let entry = entry();
    let mut out = Vec::new();
    group.bench_function("LIST line", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_ls_line(
                &mut out,
                black_box(&entry),
                1_800_000_000,
                Zone::UTC,
                |name| Cow::Borrowed(name),
            );
        });
    });
    group.bench_function("MLSD line", |bencher| {
        bencher.iter(|| {
            out.clear();
            let format = FactFormat {
                facts: FactSet::default(),
                precision: Precision::Seconds,
                permissions: Permissions::ALL,
            };
            write_mlsx_line(&mut out, format, black_box(&entry));
        });
    });
    // The worst case: from every position of the star, only the last byte fails to match.
    let (pattern, name) = ([&b"*"[..], &[b'a'; 127], b"b"].concat(), [b'a'; 255]);
    group.bench_function("worst pattern", |bencher| {
        bencher.iter(|| glob::matches(black_box(&pattern), black_box(&name)));
    });
    group.finish();
}

fn conversions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ascii");
    let file = b"A line of text, neither short nor long.\n".repeat(1600);
    let mut wire = Vec::new();
    Encoder::default().encode(&file, &mut wire);
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter_batched_ref(
            || Vec::with_capacity(wire.len()),
            |out| Encoder::default().encode(black_box(&file), out),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("decode", |bencher| {
        bencher.iter_batched_ref(
            || Vec::with_capacity(wire.len()),
            |out| Decoder::default().decode(black_box(&wire), out),
            BatchSize::SmallInput,
        );
    });
    group.finish();
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
