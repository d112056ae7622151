//! The outputs of records that this process writes: transfer logs, the audit log, and upload events.
//!
//! Each has a bounded queue and threads of its own, which are prepared here and started after the process
//! has dropped its privileges. On drop, [`Outputs`] waits for the last records to be written, at most for
//! [`RECORDS_FLUSH_TIMEOUT`] and [`EVENTS_FLUSH_TIMEOUT`].

mod command;
mod error_throttle;
mod event_socket;
pub(crate) mod event_worker;
mod events;
mod json;
#[cfg(test)]
mod test_records;
mod timestamp;
mod transfer_log;
mod xferlog;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::TransferRecord;
use super::lossy_queue::LossyQueue;
use super::thread_group::{Member, ThreadGroup};
use super::{AuditRecord, Events, LoopWaker, RecordsError, TransferLog, TransferLogFormat};
use crate::limits::{
    EVENTS_FLUSH_TIMEOUT, EVENTS_QUEUED, RECORDS_FLUSH_TIMEOUT, THREAD_STACK_BYTES,
};
use crate::privsep::Helper;
use crate::storage::Storage;
use events::{EventSender, FinishedUpload};
use transfer_log::{LogEntry, LogWriter, RECORDS, REOPENS, ReopenState};

/// Whether the Cargo feature `records` is on.
pub const IS_BUILT_IN: bool = true;

/// The event loop's end of the queues.
#[derive(Default)]
pub(super) struct Outputs {
    log: Option<Arc<LossyQueue<LogEntry>>>,
    reopen: Arc<ReopenState>,
    events: Option<Arc<LossyQueue<FinishedUpload>>>,
    threads: Vec<OutputThreads>,
    started: Arc<AtomicBool>,
    /// Whether one of the log files has audit records.
    has_audit_log: bool,
}

/// A group of threads whose end the drop waits for.
struct OutputThreads {
    group: ThreadGroup,
    timeout: Duration,
    what: &'static str,
}

/// The threads behind the outputs, not yet started: threads that start before the process drops its
/// privileges would keep them.
#[derive(Default)]
pub struct RecordThreads {
    /// Their names and their work.
    threads: Vec<(String, Box<dyn FnOnce() + Send>)>,
    started: Arc<AtomicBool>,
}

impl Outputs {
    /// Opens the log files and checks the configuration of events. `privsep` is the event helper process;
    /// `None`: this process runs the program.
    ///
    /// # Errors
    /// When a log file cannot be opened, or the configuration of events is invalid.
    pub(super) fn open(
        logs: &[TransferLog],
        events: Events,
        privsep: Option<Helper>,
        waker: LoopWaker,
    ) -> Result<(Self, RecordThreads), RecordsError> {
        let mut outputs = Self::default();
        let mut observers = RecordThreads {
            started: Arc::clone(&outputs.started),
            ..RecordThreads::default()
        };
        if !logs.is_empty() {
            let writer = LogWriter::open(logs, Arc::clone(&outputs.reopen), waker)
                .map_err(|(path, error)| RecordsError::Log(path, error))?;
            outputs.log = Some(Arc::clone(writer.queue()));
            outputs.has_audit_log = logs
                .iter()
                .any(|log| log.format == TransferLogFormat::Audit);
            let group = outputs.add_threads("the transfer and audit logs", RECORDS_FLUSH_TIMEOUT);
            observers.add("transfer-log".to_owned(), group.add(), move || writer.run());
        }
        if events.is_configured() {
            events.check().map_err(RecordsError::Events)?;
            let queue = Arc::new(LossyQueue::new(EVENTS_QUEUED));
            outputs.events = Some(Arc::clone(&queue));
            let group = outputs.add_threads("the upload events", EVENTS_FLUSH_TIMEOUT);
            let threads = events.threads();
            let sender = Arc::new(EventSender::new(events, privsep, queue));
            for number in 1..=threads {
                let (sender, name) = (Arc::clone(&sender), format!("event-{number}"));
                observers.add(name, group.add(), move || sender.run(number == 1));
            }
        }
        Ok((outputs, observers))
    }

    /// Registers a group of threads, without any so far.
    fn add_threads(&mut self, what: &'static str, timeout: Duration) -> ThreadGroup {
        let group = ThreadGroup::default();
        self.threads.push(OutputThreads {
            group: group.clone(),
            timeout,
            what,
        });
        group
    }

    /// Whether a transfer record goes anywhere.
    pub(super) const fn takes_records(&self) -> bool {
        self.log.is_some() || self.events.is_some()
    }

    /// Submits the record of a transfer to or from `storage`. Never blocks.
    pub(super) fn leave(&self, record: Arc<TransferRecord>, storage: &Arc<dyn Storage>) {
        if let Some(log) = &self.log {
            log.push(RECORDS, LogEntry::Record(Arc::clone(&record)));
        }
        if let Some(events) = &self.events
            && record.is_upload()
        {
            let storage = Arc::clone(storage);
            events.push(0, FinishedUpload { record, storage });
        }
    }

    /// Submits a record to the audit log files. Never blocks.
    pub(super) fn audit(&self, record: Box<AuditRecord>) {
        if let Some(log) = self.log.as_ref().filter(|_| self.has_audit_log) {
            log.push(RECORDS, LogEntry::Audit(record));
        }
    }

    /// Requests that the log files be reopened by their paths. Returns whether there are any.
    pub(super) fn reopen(&self) -> bool {
        let Some(log) = &self.log else {
            return false;
        };
        self.reopen.requested.fetch_add(1, Ordering::AcqRel);
        log.push(REOPENS, LogEntry::Reopen);
        true
    }

    /// Whether all requests to reopen are done.
    pub(super) fn is_reopened(&self) -> bool {
        self.reopen.is_done()
    }

    /// The error of the last request to reopen, if a file could not be reopened.
    pub(super) fn mistake(&self) -> Option<String> {
        self.reopen.error()
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.log.iter().for_each(|queue| queue.close());
        self.events.iter().for_each(|queue| queue.close());
        if !self.started.load(Ordering::Acquire) {
            return;
        }
        for threads in &self.threads {
            if !threads.group.wait(threads.timeout) {
                let (what, seconds) = (threads.what, threads.timeout.as_secs());
                log::warn!("Exiting after {seconds} s although {what} are not finished");
            }
        }
    }
}

impl RecordThreads {
    fn add(&mut self, name: String, member: Member, work: impl FnOnce() + Send + 'static) {
        let work = Box::new(move || {
            let _member = member;
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

    fn open(file: &Path) -> (Outputs, RecordThreads) {
        let logs = [test_records::json_log(file)];
        Outputs::open(&logs, Events::default(), None, Arc::new(|| {})).unwrap()
    }

    #[test]
    fn drop_before_start_does_not_wait() {
        let directory = tempfile::tempdir().unwrap();
        let (outputs, _observers) = open(&directory.path().join("log"));
        let begin = crate::clock::Instant::now();
        drop(outputs);
        assert!(begin.elapsed() < RECORDS_FLUSH_TIMEOUT);
    }

    #[test]
    fn drop_waits_for_the_last_records() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let (outputs, observers) = open(&file);
        let storage: Arc<dyn Storage> = Arc::new(EmptyStorage);
        // Fits into the queue, which no thread empties yet.
        for _ in 0..100 {
            outputs.leave(Arc::new(test_records::upload("/f")), &storage);
        }
        observers.start().unwrap();
        drop(outputs);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 100);
    }
}
