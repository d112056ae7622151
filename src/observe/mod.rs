//! What others hear of transfers that are over, of changes and of refusals: logs of them, programs and
//! sockets that are told of uploads.
//!
//! The loop hands over a [`TransferRecord`] or an [`AuditRecord`] and goes on; threads do the rest.
//! What they cannot keep up with is left out, and counted. Nothing here knows a session or a
//! connection.

mod audit;
mod command;
mod complaints;
mod event_socket;
pub(crate) mod event_worker;
mod events;
#[cfg(test)]
mod examples;
mod json;
mod mailbox;
mod moment;
mod record;
mod subscription;
pub mod target;
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
pub use transfer_log::{Format, TransferLog};

use rustix::fs::Access;

use crate::cause;
use crate::limits::{
    EVENTS_LAST, EVENTS_WAITING, RECORDS_LAST, RECORDS_WAITING, THREAD_STACK_BYTES,
};
use crate::privsep::Helper;
use crate::storage::Storage;
use events::{Teller, Upload};
use mailbox::{Mailbox, Sender, mailbox};
use transfer_log::{Entry, Reopening, Writer};

/// Has the loop look up, from another thread.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Why transfers cannot be recorded as it is wanted.
#[derive(Debug)]
pub enum Error {
    /// A transfer log cannot be opened.
    Log(PathBuf, io::Error),
    /// Events cannot be as they are wanted.
    Events(String),
}

impl fmt::Display for Error {
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

/// Where the loop leaves its records: everywhere that somebody wants them, or nowhere. Dropped, it
/// waits a moment for what was left there last.
#[derive(Default)]
pub struct Records {
    log: Option<Sender<Entry>>,
    reopening: Arc<Reopening>,
    events: Option<Sender<Upload>>,
    /// The program that the server is a part of.
    subscriber: Option<Sender<Arc<TransferRecord>>>,
    ends: Vec<End>,
    started: Arc<AtomicBool>,
    /// Whether one of the files is for audit records.
    is_audited: bool,
}

/// A thread's, and how long its end is waited for.
struct End {
    ended: Receiver<()>,
    patience: Duration,
    what: &'static str,
}

/// The threads behind [`Records`], not yet started: they would keep the rights that the process
/// gives up later.
#[derive(Default)]
pub struct Observers {
    writer: Option<(Writer, Mailbox<Entry>, SyncSender<()>)>,
    teller: Option<(Teller, usize, SyncSender<()>)>,
    started: Arc<AtomicBool>,
}

impl Records {
    /// Opens what is to be written, and sees whether events can be as they are wanted; `privsep` is
    /// what runs a program for them, where this process does not.
    pub fn open(
        logs: &[TransferLog],
        events: Events,
        privsep: Option<Helper>,
        waker: Waker,
    ) -> Result<(Self, Observers), Error> {
        let mut records = Self::default();
        let mut observers = Observers {
            started: Arc::clone(&records.started),
            ..Observers::default()
        };
        if !logs.is_empty() {
            let writer = Writer::open(logs, Arc::clone(&records.reopening), waker)
                .map_err(|(path, error)| Error::Log(path, error))?;
            let (sender, mailbox) = mailbox(RECORDS_WAITING);
            records.log = Some(sender);
            records.is_audited = logs.iter().any(|log| log.format == Format::Audit);
            let alive = records.expect_end("the transfer log", RECORDS_LAST);
            observers.writer = Some((writer, mailbox, alive));
        }
        if events.is_wanted() {
            events.check().map_err(Error::Events)?;
            let (sender, mailbox) = mailbox(EVENTS_WAITING);
            records.events = Some(sender);
            let alive = records.expect_end("the events of uploads", EVENTS_LAST);
            let threads = events.threads();
            observers.teller = Some((Teller::new(events, privsep, mailbox), threads, alive));
        }
        Ok((records, observers))
    }

    fn expect_end(&mut self, what: &'static str, patience: Duration) -> SyncSender<()> {
        let (alive, ended) = sync_channel(0);
        self.ends.push(End {
            ended,
            patience,
            what,
        });
        alive
    }

    /// From here on each record is left here too, while there is room for it: so many may wait. A
    /// subscription that there was ends.
    pub fn subscribe(&mut self, room: usize) -> Subscription {
        let (sender, mailbox) = mailbox(room);
        self.subscriber = Some(sender);
        Subscription(mailbox)
    }

    /// Leaves a record, of a transfer of one of these files. Never waits.
    pub fn leave(&self, record: Box<TransferRecord>, storage: &Arc<dyn Storage>) {
        if self.log.is_none() && self.events.is_none() && self.subscriber.is_none() {
            return;
        }
        let record: Arc<TransferRecord> = Arc::from(record);
        if let Some(log) = &self.log {
            log.leave(Entry::Record(Arc::clone(&record)));
        }
        if let Some(subscriber) = &self.subscriber {
            subscriber.leave(Arc::clone(&record));
        }
        if let Some(events) = &self.events
            && record.is_upload()
        {
            events.leave(Upload {
                record,
                storage: Arc::clone(storage),
            });
        }
    }

    /// Logs a record, and leaves it for the files that have such. Never waits.
    pub fn audit(&self, record: Box<AuditRecord>) {
        record.log();
        if let Some(log) = self.log.as_ref().filter(|_| self.is_audited) {
            log.leave(Entry::Audit(record));
        }
    }

    /// Has the transfer logs opened again under their names; whether there are any.
    pub fn reopen(&self) -> bool {
        let Some(log) = &self.log else {
            return false;
        };
        self.reopening.asked.fetch_add(1, Ordering::AcqRel);
        log.nudge(Entry::Reopen);
        true
    }

    /// Whether that has been done.
    pub fn is_reopened(&self) -> bool {
        self.reopening.is_done()
    }

    /// Why one of them could not be, the last time.
    pub fn mistake(&self) -> Option<String> {
        self.reopening.mistake()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.log = None;
        self.events = None;
        if !self.started.load(Ordering::Acquire) {
            return;
        }
        for end in &self.ends {
            // Its sender is dropped when the last of the threads has ended.
            let late = end.ended.recv_timeout(end.patience);
            if late == Err(RecvTimeoutError::Timeout) {
                log::warn!("Left before {} were through", end.what);
            }
        }
    }
}

impl Observers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(mut self) -> io::Result<()> {
        self.started.store(true, Ordering::Release);
        if let Some((writer, mailbox, alive)) = self.writer.take() {
            spawn("transfer-log".to_owned(), move || {
                let _alive = alive;
                writer.write_all(&mailbox);
            })?;
        }
        if let Some((teller, threads, alive)) = self.teller.take() {
            teller.warn_of_restraints();
            let teller = Arc::new(teller);
            for number in 1..=threads {
                let (teller, alive) = (Arc::clone(&teller), alive.clone());
                spawn(format!("event-{number}"), move || {
                    let _alive = alive;
                    teller.tell_all();
                })?;
            }
        }
        Ok(())
    }
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new()
        .name(name)
        .stack_size(THREAD_STACK_BYTES);
    thread.spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Nothing;

    #[test]
    fn what_was_never_started_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let format = Format::Json;
        let log = TransferLog { file, format };
        let opened = Records::open(&[log], Events::default(), None, Arc::new(|| {}));
        let (records, observers) = opened.unwrap();
        let begin = std::time::Instant::now();
        drop(records);
        assert!(begin.elapsed() < RECORDS_LAST);
        drop(observers);
    }

    #[test]
    fn the_last_records_are_written_before_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let format = Format::Json;
        let log = TransferLog {
            file: file.clone(),
            format,
        };
        let opened = Records::open(&[log], Events::default(), None, Arc::new(|| {}));
        let (records, observers) = opened.unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Nothing);
        // As many as fit: nobody takes them yet.
        for _ in 0..100 {
            records.leave(Box::new(examples::upload("/f")), &storage);
        }
        observers.start().unwrap();
        drop(records);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 100);
    }
}
