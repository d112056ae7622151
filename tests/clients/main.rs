//! Interoperability with real, unmodified clients: transferred files are compared byte by byte on the disk.
//!
//! | client | source | tested with |
//! |---|---|---|
//! | curl | apt | upload, range, resume, quotes, directories, active, IPv6 |
//! | wget, lftp, rclone | apt | trees in both directions, synchronisation, parts of a file |
//! | lynx, aria2, axel | apt | directory pages; one file over several connections |
//! | ncftp, tnftp, inetutils ftp, busybox | apt | interactive sessions |
//! | `HAProxy` | apt | a proxy (not a client) between curl and two servers |
//! | suppaftp | crates.io | every mode, ABOR |
//! | ftplib, aioftp, ftputil, basic-ftp, ftp | Python, pip, npm | one session each, in the scripts `with_*` |
//! | PHP, Perl's `Net::FTP`, Apache Commons Net | apt | the same, with an account and over TLS |
//! | `FluentFTP` | not run: `as_fluentftp.py` | its commands, and the words that it looks for in replies |
//! | Chromium | apt | the live page of the status service |
//! | curl, lftp, rclone, openssl, ftplib, basic-ftp | as above | TLS |
//!
//! `.ci/run` installs them, those of pip and npm into `target/clients`. A test whose client is missing is
//! skipped with a message; with `MIOFTPD_REQUIRE_CLIENTS=1` it fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod classics;
mod content;
mod curl;
mod downloads;
mod haproxy;
mod languages;
mod libraries;
#[cfg(all(feature = "status", feature = "config"))]
mod live_page;
mod mirrors;
mod programs;
mod resuming;
mod syncing;
#[cfg(feature = "tls")]
mod tls;

use std::net::TcpListener;

use support::{Server, Starter};

/// Writable servers on IPv4 and, if the host has it, IPv6.
fn servers() -> Vec<Server> {
    let mut addresses = vec!["127.0.0.1:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.push("[::1]:0");
    }
    let start = |address| {
        let starter = Starter::default().listen(address).argument("--writable");
        starter.serving(|_| ()).start()
    };
    addresses.into_iter().map(start).collect()
}
