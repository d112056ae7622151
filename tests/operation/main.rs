//! The program as its operator and a host program see it.
//!
//! - `command_line`, `config` and `readme` are about how it is told what to do.
//! - `logs`, `log_readers`, `records`, `status`, `summary` and `trace` are about what it reports.
//! - `bench`, with its files, lies and rounds, is about the load generator, `probe` about the examination of
//!   a server, and `bench_options` about the benchmark of the sources.
//! - `service_manager`, `service_unit`, `background`, `inetd`, `system_limits`, `missing_calls` and
//!   `embedding` are about what it runs in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod background;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "bench")]
mod bench_files;
#[cfg(feature = "bench")]
mod bench_lies;
mod bench_options;
#[cfg(feature = "bench")]
mod bench_rounds;
mod command_line;
mod config;
#[cfg(all(feature = "bench", feature = "config"))]
mod doctor;
mod embedding;
mod flat_file;
mod help;
mod inetd;
mod init_scripts;
mod log_readers;
mod logs;
mod missing_calls;
#[cfg(feature = "bench")]
mod probe;
mod readme;
#[cfg(feature = "records")]
mod records;
#[cfg(feature = "systemd")]
mod service_manager;
mod service_unit;
#[cfg(feature = "status")]
mod status;
#[cfg(feature = "status")]
mod summary;
#[path = "../support/mod.rs"]
mod support;
mod system_limits;
#[cfg(feature = "status")]
mod trace;
