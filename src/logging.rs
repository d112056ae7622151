//! Logging that the loop can afford: records cross a bounded channel to a thread of their own.
//!
//! `simple_logger` prints where it is called, waits on a full pipe and panics on a closed one. So
//! a thread owns it. Records have classes with room of their own (`queue`): one that finds its room
//! full is counted, and the count is printed. Nothing here knows what is logged.

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
use queue::{Class, Line, Next, Queue};

struct Channel(Arc<Queue>);

const THREAD_NAME: &str = "log";

/// How long an exit waits for what is left to be printed: nobody may be reading it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Records that wait for the thread that is to print them.
#[must_use = "nothing is printed until its thread is started"]
pub struct Waiting(Arc<Queue>);

/// The thread that prints; dropped, it prints what is left, and ends.
#[must_use = "dropping it ends the logging"]
pub struct Logging {
    queue: Arc<Queue>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// Has `log` keep everything up to `level` for a thread, which is started later: until then the
/// process may give up rights that its threads would keep.
///
/// # Errors
/// When a logger is installed already.
pub fn collect(level: LevelFilter) -> io::Result<Waiting> {
    let queue = Arc::new(Queue::default());
    let channel = Channel(Arc::clone(&queue));
    log::set_boxed_logger(Box::new(channel)).map_err(io::Error::other)?;
    log::set_max_level(level);
    // A panic is a log line too; the usual hook would print it from wherever it happened. One of
    // the thread that prints would only be followed by the next.
    std::panic::set_hook(Box::new(|panic| {
        if thread::current().name() != Some(THREAD_NAME) {
            log::error!("{panic}");
        }
    }));
    Ok(Waiting(queue))
}

impl Waiting {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none to be had.
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

impl Log for Channel {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let (class, target) = Class::of(record.target());
        let target = target.or_else(|| record.module_path_static());
        let line = Line {
            level: record.level(),
            target: target.unwrap_or("mioftpd"),
            text: shortened(record.args().to_string()),
        };
        self.0.leave(class, line);
    }

    fn flush(&self) {}
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.end();
        let _ = self.ended.recv_timeout(LAST_WORDS);
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

fn print_all(queue: &Queue) {
    let printer = Printer::new();
    loop {
        match queue.take() {
            Next::Print(line) => printer.print(line.level, line.target, &line.text),
            Next::ReportLoss(class, lost) => {
                let class = class.name();
                let text = format!(
                    "{lost} {class} log lines were lost: they came faster than they are printed"
                );
                printer.print(Level::Warn, "mioftpd", &text);
            }
            Next::End => return,
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
