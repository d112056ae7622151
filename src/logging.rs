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

use crate::limits::{LOG_RECORD_BYTES, LOG_RECORDS, THREAD_STACK_BYTES};

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

/// Records that wait for the thread that is to print them.
#[must_use = "nothing is printed until its thread is started"]
pub struct Waiting {
    sender: SyncSender<Message>,
    receiver: Receiver<Message>,
    dropped: Arc<AtomicU64>,
}

/// The thread that prints; dropped, it prints what is left, and ends.
#[must_use = "dropping it ends the logging"]
pub struct Logging {
    sender: SyncSender<Message>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// Has `log` keep everything up to `level` for a thread, which is started later: until then the
/// process may give up rights that its threads would keep.
///
/// # Errors
/// When a logger is installed already.
pub fn collect(level: LevelFilter) -> io::Result<Waiting> {
    let (sender, receiver) = sync_channel(LOG_RECORDS);
    let dropped = Arc::new(AtomicU64::new(0));
    let channel = Channel {
        sender: sender.clone(),
        dropped: Arc::clone(&dropped),
    };
    log::set_boxed_logger(Box::new(channel)).map_err(io::Error::other)?;
    log::set_max_level(level);
    // A panic is a log line too; the usual hook would print it from wherever it happened. One of
    // the thread that prints would only be followed by the next.
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() != Some(THREAD_NAME) {
            log::error!("{panic}");
        }
    }));
    Ok(Waiting {
        sender,
        receiver,
        dropped,
    })
}

impl Waiting {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub fn print(self) -> io::Result<Logging> {
        let Self {
            sender,
            receiver,
            dropped,
        } = self;
        let (alive, ended) = sync_channel(0);
        thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let _alive = alive;
                print_all(&receiver, &dropped);
            })?;
        Ok(Logging { sender, ended })
    }
}

impl Log for Channel {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let message = Message::Line {
            level: record.level(),
            target: record.module_path_static().unwrap_or("mioftpd"),
            text: shortened(record.args().to_string()),
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

/// Not longer than a record may be, and no larger than it is long.
fn shortened(mut text: String) -> String {
    if text.len() > LOG_RECORD_BYTES {
        let end = (0..=LOG_RECORD_BYTES).rfind(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
        text.push_str(" ...");
    }
    text.shrink_to_fit();
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_record_is_cut_between_two_characters_and_marked() {
        for (length, cut) in [(LOG_RECORD_BYTES - 1, false), (LOG_RECORD_BYTES, false)] {
            assert_eq!(shortened("x".repeat(length)).ends_with(" ..."), cut);
        }
        let long = shortened("x".repeat(LOG_RECORD_BYTES + 1));
        assert_eq!(long.len(), LOG_RECORD_BYTES + 4);
        let text = format!("x{}", "é".repeat(LOG_RECORD_BYTES));
        let long = shortened(text);
        assert!(long.ends_with("é ...") && long.len() == LOG_RECORD_BYTES + 3);
    }
}
