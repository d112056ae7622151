//! Output of records: transfer logs, the audit log, and upload events to programs and sockets.
//!
//! The event loop submits a [`TransferRecord`] or an [`AuditRecord`] to a bounded queue and never blocks;
//! threads write the logs and send the events. When a queue is full, records are dropped and counted. No
//! code here knows sessions or connections.

mod audit;
mod command;
mod error_throttle;
mod event_socket;
pub(crate) mod event_worker;
mod events;
mod json;
pub(crate) mod lossy_queue;
mod record;
mod subscription;
pub mod target;
#[cfg(test)]
mod test_records;
mod timestamp;
mod transfer_log;
mod xferlog;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

pub use audit::AuditRecord;
pub use events::Events;
pub use record::{Outcome, TransferRecord, Verb};
pub use subscription::Subscription;
pub use transfer_log::{TransferLog, TransferLogFormat};

use rustix::fs::Access;

use crate::cause;
use crate::limits::{
    EVENTS_FLUSH_TIMEOUT, EVENTS_QUEUED, RECORDS_FLUSH_TIMEOUT, THREAD_STACK_BYTES,
};
use crate::privsep::Helper;
use crate::storage::Storage;
use events::{EventSender, FinishedUpload};
use lossy_queue::LossyQueue;
use transfer_log::{LogEntry, LogWriter, RECORDS, REOPENS, ReopenState};

/// Wakes the event loop from another thread.
pub type LoopWaker = Arc<dyn Fn() + Send + Sync>;

/// An output that cannot be opened as configured.
#[derive(Debug)]
pub enum RecordsError {
    /// A transfer log cannot be opened.
    Log(PathBuf, io::Error),
    /// The configuration of events is invalid.
    Events(String),
}

impl std::error::Error for RecordsError {}

impl fmt::Display for RecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(path, error) => {
                let why = cause::of_path(error, path, Access::WRITE_OK);
                write!(f, "cannot open the log {}: {why}", path.display())
            }
            Self::Events(why) => f.write_str(why),
        }
    }
}

/// The event loop's end of all outputs. On drop, waits for the last records to be written, at most for
/// [`RECORDS_FLUSH_TIMEOUT`] and [`EVENTS_FLUSH_TIMEOUT`].
#[derive(Default)]
pub struct Records {
    log: Option<Arc<LossyQueue<LogEntry>>>,
    reopen: Arc<ReopenState>,
    events: Option<Arc<LossyQueue<FinishedUpload>>>,
    /// The program that embeds the server.
    subscriber: Option<Arc<LossyQueue<Arc<TransferRecord>>>>,
    threads: Vec<ThreadGroup>,
    started: Arc<AtomicBool>,
    /// Whether one of the log files has audit records.
    has_audit_log: bool,
}

/// A group of threads whose end the drop waits for.
struct ThreadGroup {
    /// Disconnected when the last thread of the group has ended.
    ended: Receiver<()>,
    timeout: Duration,
    what: &'static str,
}

/// The threads behind [`Records`], not yet started: threads that start before the process drops its
/// privileges would keep them.
#[derive(Default)]
pub struct RecordThreads {
    /// Their names and their work.
    threads: Vec<(String, Box<dyn FnOnce() + Send>)>,
    started: Arc<AtomicBool>,
}

impl Records {
    /// Opens the log files and checks the configuration of events. `privsep` is the event helper process;
    /// `None`: this process runs the program.
    ///
    /// # Errors
    /// When a log file cannot be opened, or the configuration of events is invalid.
    pub fn open(
        logs: &[TransferLog],
        events: Events,
        privsep: Option<Helper>,
        waker: LoopWaker,
    ) -> Result<(Self, RecordThreads), RecordsError> {
        let mut records = Self::default();
        let mut observers = RecordThreads {
            started: Arc::clone(&records.started),
            ..RecordThreads::default()
        };
        if !logs.is_empty() {
            let writer = LogWriter::open(logs, Arc::clone(&records.reopen), waker)
                .map_err(|(path, error)| RecordsError::Log(path, error))?;
            records.log = Some(Arc::clone(writer.queue()));
            records.has_audit_log = logs
                .iter()
                .any(|log| log.format == TransferLogFormat::Audit);
            let alive = records.add_threads("the transfer and audit logs", RECORDS_FLUSH_TIMEOUT);
            observers.add("transfer-log".to_owned(), alive, move || writer.run());
        }
        if events.is_configured() {
            events.check().map_err(RecordsError::Events)?;
            let queue = Arc::new(LossyQueue::new(EVENTS_QUEUED));
            records.events = Some(Arc::clone(&queue));
            let alive = records.add_threads("the upload events", EVENTS_FLUSH_TIMEOUT);
            let threads = events.threads();
            let sender = Arc::new(EventSender::new(events, privsep, queue));
            for number in 1..=threads {
                let (sender, name) = (Arc::clone(&sender), format!("event-{number}"));
                observers.add(name, alive.clone(), move || sender.run(number == 1));
            }
        }
        Ok((records, observers))
    }

    /// Registers a group of threads. Each of them holds a clone of the sender, so that the receiver is
    /// disconnected when the last one has ended.
    fn add_threads(&mut self, what: &'static str, timeout: Duration) -> SyncSender<()> {
        let (alive, ended) = sync_channel(0);
        self.threads.push(ThreadGroup {
            ended,
            timeout,
            what,
        });
        alive
    }

    /// Subscribes to the transfer records from now on, with a queue of `room` records. Ends an earlier
    /// subscription.
    pub fn subscribe(&mut self, room: usize) -> Subscription {
        let queue = Arc::new(LossyQueue::new(room.max(1)));
        if let Some(earlier) = self.subscriber.replace(Arc::clone(&queue)) {
            earlier.close();
        }
        Subscription(queue)
    }

    /// Submits the record of a transfer to or from `storage`. Never blocks.
    pub fn leave(&self, record: Box<TransferRecord>, storage: &Arc<dyn Storage>) {
        if self.log.is_none() && self.events.is_none() && self.subscriber.is_none() {
            return;
        }
        let record: Arc<TransferRecord> = Arc::from(record);
        if let Some(log) = &self.log {
            log.push(RECORDS, LogEntry::Record(Arc::clone(&record)));
        }
        if let Some(subscriber) = &self.subscriber {
            subscriber.push(0, Arc::clone(&record));
        }
        if let Some(events) = &self.events
            && record.is_upload()
        {
            let storage = Arc::clone(storage);
            events.push(0, FinishedUpload { record, storage });
        }
    }

    /// Logs an audit record, and submits it to the audit log files. Never blocks.
    pub fn audit(&self, record: Box<AuditRecord>) {
        record.log();
        if let Some(log) = self.log.as_ref().filter(|_| self.has_audit_log) {
            log.push(RECORDS, LogEntry::Audit(record));
        }
    }

    /// Requests that the log files be reopened by their paths. Returns whether there are any.
    pub fn reopen(&self) -> bool {
        let Some(log) = &self.log else {
            return false;
        };
        self.reopen.requested.fetch_add(1, Ordering::AcqRel);
        log.push(REOPENS, LogEntry::Reopen);
        true
    }

    /// Whether all requests to reopen are done.
    pub fn is_reopened(&self) -> bool {
        self.reopen.is_done()
    }

    /// The error of the last request to reopen, if a file could not be reopened.
    pub fn mistake(&self) -> Option<String> {
        self.reopen.error()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.log.iter().for_each(|queue| queue.close());
        self.events.iter().for_each(|queue| queue.close());
        self.subscriber.iter().for_each(|queue| queue.close());
        if !self.started.load(Ordering::Acquire) {
            return;
        }
        for group in &self.threads {
            let ended = group.ended.recv_timeout(group.timeout);
            if ended == Err(RecvTimeoutError::Timeout) {
                let (what, seconds) = (group.what, group.timeout.as_secs());
                log::warn!("Exiting after {seconds} s although {what} are not finished");
            }
        }
    }
}

impl RecordThreads {
    fn add(&mut self, name: String, alive: SyncSender<()>, work: impl FnOnce() + Send + 'static) {
        let work = Box::new(move || {
            let _alive = alive;
            work();
        });
        self.threads.push((name, work));
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// When a thread cannot be created.
    pub fn start(self) -> io::Result<()> {
        self.started.store(true, Ordering::Release);
        for (name, work) in self.threads {
            let thread = thread::Builder::new().name(name);
            thread.stack_size(THREAD_STACK_BYTES).spawn(work)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::EmptyStorage;
    use std::path::Path;

    fn open(file: &Path) -> (Records, RecordThreads) {
        let logs = [test_records::json_log(file)];
        Records::open(&logs, Events::default(), None, Arc::new(|| {})).unwrap()
    }

    #[test]
    fn drop_before_start_does_not_wait() {
        let directory = tempfile::tempdir().unwrap();
        let (records, _observers) = open(&directory.path().join("log"));
        let begin = std::time::Instant::now();
        drop(records);
        assert!(begin.elapsed() < RECORDS_FLUSH_TIMEOUT);
    }

    #[test]
    fn drop_waits_for_the_last_records() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let (records, observers) = open(&file);
        let storage: Arc<dyn Storage> = Arc::new(EmptyStorage);
        // Fits into the queue, which no thread empties yet.
        for _ in 0..100 {
            records.leave(Box::new(test_records::upload("/f")), &storage);
        }
        observers.start().unwrap();
        drop(records);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 100);
    }
}
