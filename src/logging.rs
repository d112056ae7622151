//! Non-blocking logging: records pass through a bounded queue to a thread that prints them.
//!
//! Printing blocks on a full pipe, so a thread of its own does it; [`printer`] owns the formats. Each class
//! of records has its own capacity; records beyond it are counted, and the count is printed. Nothing here
//! knows what is logged.

mod journal;
mod printer;
mod syslog;
#[cfg_attr(not(feature = "daemon"), path = "logging/no_syslog_socket.rs")]
mod syslog_socket;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::limits::{
    LOG_AUDIT_RECORDS, LOG_RECORD_BYTES, LOG_RECORDS, LOG_SECURITY_RECORDS, THREAD_STACK_BYTES,
};
use crate::observe::lossy_queue::{LossyQueue, QueueClass};
use crate::observe::target;
use crate::observe::thread_group::ThreadGroup;
use printer::Printer;
pub use syslog::Syslog;

/// The logger of the `log` crate.
struct QueueLogger(Arc<LogQueue>);

type LogQueue = LossyQueue<LogLine>;

/// A formatted record.
#[derive(Debug)]
struct LogLine {
    level: Level,
    target: &'static str,
    text: String,
}

/// The classes of records, and their names in reports of lost lines.
const CLASSES: [(&str, QueueClass); 3] = [
    ("security", important(LOG_SECURITY_RECORDS)),
    ("audit", important(LOG_AUDIT_RECORDS)),
    (
        "routine",
        QueueClass {
            is_important: false,
            ..important(LOG_RECORDS)
        },
    ),
];

const fn important(capacity: usize) -> QueueClass {
    QueueClass {
        capacity,
        is_important: true,
    }
}

const THREAD_NAME: &str = "log";

/// How long an exit waits for queued records to be printed: the pipe may be full and unread.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Records that are queued while no thread prints them.
#[must_use = "nothing is printed until its thread is started"]
pub struct Waiting {
    queue: Arc<LogQueue>,
    printer: Printer,
}

/// Counts the records that were dropped because they came faster than they were printed.
#[derive(Clone)]
pub struct LogLosses(Arc<LogQueue>);

impl LogLosses {
    /// The classes of records, and how many of each were dropped. It takes a lock for an instant.
    pub fn counts(&self) -> [(&'static str, u64); CLASSES.len()] {
        let mut class = 0..;
        CLASSES.map(|(name, _)| (name, self.0.dropped(class.next().unwrap_or(0))))
    }
}

/// The log thread. Dropping it waits up to a second for the queued records to be printed.
#[must_use = "dropping it ends the logging"]
pub struct Logging {
    queue: Arc<LogQueue>,
    thread: ThreadGroup,
}

/// Installs the logger, which queues everything up to `level`. The log thread is started later, with
/// [`Waiting::print`], because the process may drop privileges in between that a thread would keep.
///
/// # Errors
/// When a logger is installed already.
pub fn collect(level: LevelFilter) -> io::Result<Waiting> {
    let queue = Arc::new(LogQueue::with_classes(CLASSES.map(|(_, class)| class)));
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
    Ok(Waiting {
        queue,
        printer: Printer::new(),
    })
}

impl Waiting {
    /// What is dropped from now on can be counted.
    pub fn losses(&self) -> LogLosses {
        LogLosses(Arc::clone(&self.queue))
    }

    /// Prints to syslog, if that is configured, and not to standard error.
    pub fn to_syslog(self, syslog: &Syslog) -> Self {
        let printer = syslog.path().map(Printer::to_syslog);
        Self {
            printer: printer.unwrap_or(self.printer),
            ..self
        }
    }

    /// Prints what is queued, on the calling thread. Blocks as a full pipe does.
    pub fn print_queued(&mut self) {
        while let Some(line) = self.queue.try_take() {
            print_line(&self.queue, &mut self.printer, &line);
        }
    }

    /// Starts the log thread.
    ///
    /// # Errors
    /// When the system cannot create a thread.
    pub fn print(self) -> io::Result<Logging> {
        let Self { queue, mut printer } = self;
        let thread = ThreadGroup::default();
        let member = thread.add();
        let waiting = Arc::clone(&queue);
        thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let _member = member;
                while let Some(line) = waiting.take() {
                    print_line(&waiting, &mut printer, &line);
                }
            })?;
        Ok(Logging { queue, thread })
    }
}

impl Log for QueueLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let (class, target) = match record.target() {
            target::SECURITY => (0, target::SECURITY),
            target::AUDIT => (1, target::AUDIT),
            // `None`: the record was built without a static module path.
            _ => (2, record.module_path_static().unwrap_or("mioftpd")),
        };
        let line = LogLine {
            level: record.level(),
            target,
            text: shortened(record.args().to_string()),
        };
        self.0.push(class, line);
    }

    fn flush(&self) {}
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.close();
        self.thread.wait(FLUSH_TIMEOUT);
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

/// Prints a line, and how many were lost before it, if that is due.
fn print_line(queue: &LogQueue, printer: &mut Printer, line: &LogLine) {
    printer.print(line.level, line.target, &line.text);
    while let Some((class, lost)) = queue.take_due_loss() {
        let class = CLASSES.get(class).map_or("other", |(name, _)| name);
        let text =
            format!("{lost} {class} log lines were lost: they came faster than they were printed");
        printer.print(Level::Warn, "mioftpd", &text);
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
