//! Non-blocking logging: records pass through a bounded queue to a thread that prints them.
//!
//! `simple_logger` prints on the calling thread, blocks on a full pipe and panics on a closed one, so
//! a thread of its own calls it. Each class of records has its own capacity (`queue`); records beyond
//! it are counted, and the count is printed. Nothing here knows what is logged.

mod journal;
mod queue;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;

use crate::limits::{LOG_RECORD_BYTES, THREAD_STACK_BYTES};
use queue::{LogLine, LogQueue, PrintAction, RecordClass};

/// The logger of the `log` crate.
struct QueueLogger(Arc<LogQueue>);

const THREAD_NAME: &str = "log";

/// How long an exit waits for queued records to be printed: the pipe may be full and unread.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Records that are queued while no thread prints them.
#[must_use = "nothing is printed until its thread is started"]
pub struct Waiting(Arc<LogQueue>);

/// The log thread. Dropping it waits up to a second for the queued records to be printed.
#[must_use = "dropping it ends the logging"]
pub struct Logging {
    queue: Arc<LogQueue>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// Installs the logger, which queues everything up to `level`. The log thread is started later, with
/// [`Waiting::print`], because the process may drop privileges in between that a thread would keep.
///
/// # Errors
/// When a logger is installed already.
pub fn collect(level: LevelFilter) -> io::Result<Waiting> {
    let queue = Arc::new(LogQueue::default());
    let logger = QueueLogger(Arc::clone(&queue));
    log::set_boxed_logger(Box::new(logger)).map_err(io::Error::other)?;
    log::set_max_level(level);
    // A panic is logged; the default hook would print to a stderr that may block. A panic of the log
    // thread itself is not: printing its message could panic again.
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() != Some(THREAD_NAME) {
            log::error!("{panic}");
        }
    }));
    Ok(Waiting(queue))
}

impl Waiting {
    /// Starts the log thread.
    ///
    /// # Errors
    /// When the system cannot create a thread.
    pub fn print(self) -> io::Result<Logging> {
        let queue = self.0;
        let (alive, ended) = sync_channel(0);
        let waiting = Arc::clone(&queue);
        thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let _alive = alive;
                print_all(&waiting);
            })?;
        Ok(Logging { queue, ended })
    }
}

impl Log for QueueLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let (class, target) = RecordClass::of(record.target());
        let target = target.or_else(|| record.module_path_static());
        let line = LogLine {
            level: record.level(),
            // `None`: the record was built without a static module path.
            target: target.unwrap_or("mioftpd"),
            text: shortened(record.args().to_string()),
        };
        self.0.push(class, line);
    }

    fn flush(&self) {}
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.end();
        let _ = self.ended.recv_timeout(FLUSH_TIMEOUT);
    }
}

/// Truncates a record to [`LOG_RECORD_BYTES`], and releases unused capacity.
fn shortened(mut text: String) -> String {
    if text.len() > LOG_RECORD_BYTES {
        let end = (0..=LOG_RECORD_BYTES).rfind(|&end| text.is_char_boundary(end));
        debug_assert!(end.is_some(), "0 is a boundary of every string");
        text.truncate(end.unwrap_or(0));
        text.push_str(" ...");
    }
    text.shrink_to_fit();
    text
}

fn print_all(queue: &LogQueue) {
    let printer = Printer::new();
    loop {
        match queue.take() {
            PrintAction::Print(line) => printer.print(line.level, line.target, &line.text),
            PrintAction::ReportLoss(class, lost) => {
                let class = class.name();
                let text = format!(
                    "{lost} {class} log lines were lost: they came faster than they were printed"
                );
                printer.print(Level::Warn, "mioftpd", &text);
            }
            PrintAction::End => return,
        }
    }
}

/// The output format.
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
        // It panics if stderr is a closed pipe. That line is lost; the next one may succeed.
        let _ = catch_unwind(AssertUnwindSafe(|| logger.log(&record)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_records_are_truncated_at_a_character_boundary() {
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
