//! Logging that the loop can afford: records cross a bounded channel to a thread of their own.
//!
//! `simple_logger` prints where it is called, waits on a full pipe and panics on a closed one. So
//! a thread owns it; a record that finds the channel full is counted, and the count is reported
//! with the next one that fits. Nothing here knows what is logged.

mod journal;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;

use crate::limits::{LOG_RECORDS, THREAD_STACK_BYTES};

/// A record on its way to the thread that prints it.
enum Message {
    Line {
        level: Level,
        target: &'static str,
        text: String,
    },
    /// All before it has been printed: the thread may end.
    End,
}

struct Channel {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

const THREAD_NAME: &str = "log";

/// How long an exit waits for what is left to be printed: nobody may be reading it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The thread that prints; dropped, it prints what is left, and ends.
#[must_use = "dropping it ends the logging"]
pub struct Logging {
    sender: SyncSender<Message>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// Starts the thread, and has `log` send it everything up to `level`.
///
/// # Errors
/// When there is no thread to be had, or a logger is installed already.
pub fn start(level: LevelFilter) -> io::Result<Logging> {
    let (sender, receiver) = sync_channel(LOG_RECORDS);
    let dropped = Arc::new(AtomicU64::new(0));
    let channel = Channel {
        sender: sender.clone(),
        dropped: Arc::clone(&dropped),
    };
    let (alive, ended) = sync_channel(0);
    thread::Builder::new()
        .name(THREAD_NAME.to_owned())
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            let _alive = alive;
            print_all(&receiver, &dropped);
        })?;
    log::set_boxed_logger(Box::new(channel)).map_err(io::Error::other)?;
    log::set_max_level(level);
    // A panic is a log line too; the usual hook would print it from wherever it happened. One of
    // the thread that prints would only be followed by the next.
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() != Some(THREAD_NAME) {
            log::error!("{panic}");
        }
    }));
    Ok(Logging { sender, ended })
}

impl Log for Channel {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let message = Message::Line {
            level: record.level(),
            target: record.module_path_static().unwrap_or("mioftpd"),
            text: record.args().to_string(),
        };
        if self.sender.try_send(message).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

impl Drop for Logging {
    fn drop(&mut self) {
        if self.sender.try_send(Message::End).is_ok() {
            let _ = self.ended.recv_timeout(LAST_WORDS);
        }
    }
}

fn print_all(receiver: &Receiver<Message>, dropped: &AtomicU64) {
    let printer = Printer::new();
    while let Ok(Message::Line {
        level,
        target,
        text,
    }) = receiver.recv()
    {
        printer.print(level, target, &text);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let text = format!("{lost} log lines were lost: they came faster than they print");
            printer.print(Level::Warn, "mioftpd", &text);
        }
    }
}

/// How a line looks.
enum Printer {
    Simple(SimpleLogger),
    Journal,
}

impl Printer {
    fn new() -> Self {
        if journal::is_stderr() {
            return Self::Journal;
        }
        let logger = SimpleLogger::new().with_level(LevelFilter::Trace);
        Self::Simple(logger.with_utc_timestamps())
    }

    fn print(&self, level: Level, target: &str, text: &str) {
        let logger = match self {
            Self::Journal => return journal::print(level, text),
            Self::Simple(logger) => logger,
        };
        let args = format_args!("{text}");
        let record = Record::builder()
            .level(level)
            .target(target)
            .args(args)
            .build();
        // It panics when nobody reads what it prints; the next line may find a reader again.
        let _ = catch_unwind(AssertUnwindSafe(|| logger.log(&record)));
    }
}
