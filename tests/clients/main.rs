//! Real clients, unmodified: what they move both ways is compared byte by byte on the disk.
//!
//! | client | where it is from | what it does here |
//! |---|---|---|
//! | curl | apt | upload, range, resume, quotes, directories, active, IPv6 |
//! | wget, lftp, rclone | apt | whole trees there and back, what has changed, pieces of a file |
//! | lynx, aria2, axel | apt | directories as pages; one file over several connections |
//! | ncftp, tnftp, inetutils ftp, busybox | apt | what their users type |
//! | `HAProxy` | apt | no client: it stands in front of two servers, and curl before it |
//! | suppaftp | crates.io | every mode, abort |
//! | ftplib, aioftp, ftputil, basic-ftp, ftp | Python, pip, npm | a session each, in `with_*` beside this file |
//! | PHP, Perl's `Net::FTP`, Apache Commons Net | apt | likewise, with an account and over TLS |
//! | `FluentFTP` | not run: `as_fluentftp.py` | what it sends, and what it looks for in replies |
//! | curl, lftp, rclone, openssl, ftplib, basic-ftp | as above | the same over TLS |
//!
//! `.ci/run` installs them; those of pip and npm it puts into `target/clients`. A client that is
//! not there is skipped with a message, unless `MIOFTPD_REQUIRE_CLIENTS=1` says that all have
//! to be there.

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
mod mirrors;
mod programs;
mod resuming;
mod syncing;
#[cfg(feature = "tls")]
mod tls;

use std::net::TcpListener;

use support::{Server, Starter};

/// Writable servers on IPv4 and, where there is one, IPv6.
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
