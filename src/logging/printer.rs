//! The formats of a log line: that of the systemd journal, `TIME LEVEL [TARGET] TEXT`, and syslog.
//!
//! The time is ours: `simple_logger` would read the clock of std, which panics after 2038 on 32-bit musl.
//! A line that cannot be written is lost, and the next one may succeed. Nothing here knows the queue.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use log::{Level, LevelFilter, Log as _, Record};
use simple_logger::SimpleLogger;

use super::journal;
use super::syslog_socket::SyslogSocket;
use crate::clock::wall_clock;
use crate::protocol::date::rfc3339_milliseconds;

/// The format, and the program that writes it.
pub(super) enum Printer {
    /// `simple_logger` panics if stderr is a closed pipe.
    Simple(SimpleLogger),
    /// In the same format, where a panic ends the process.
    Plain,
    Journal,
    Syslog(SyslogSocket),
}

impl Printer {
    pub(super) fn to_syslog(socket: &Path) -> Self {
        Self::Syslog(SyslogSocket::new(socket))
    }

    pub(super) fn new() -> Self {
        if journal::is_stderr() {
            Self::Journal
        } else if cfg!(panic = "abort") {
            Self::Plain
        } else {
            Self::Simple(SimpleLogger::new().with_level(LevelFilter::Trace))
        }
    }

    pub(super) fn print(&mut self, level: Level, target: &str, text: &str) {
        let time = || rfc3339_milliseconds(wall_clock());
        match self {
            Self::Syslog(socket) => socket.print(level, text),
            Self::Journal => journal::print(level, text),
            Self::Plain => write(format_args!("{} {level:<5} [{target}] {text}\n", time())),
            Self::Simple(logger) => {
                let _lock = io::stderr().lock();
                write(format_args!("{} ", time()));
                let args = format_args!("{text}");
                let record = Record::builder()
                    .level(level)
                    .target(target)
                    .args(args)
                    .build();
                let _ = catch_unwind(AssertUnwindSafe(|| logger.log(&record)));
            }
        }
    }
}

/// Writes to stderr, in one call: several processes may share it.
fn write(text: impl Display) {
    let _ = io::stderr().write_all(text.to_string().as_bytes());
}
