//! Output of records: transfer logs, the audit log, and upload events to programs and sockets.
//!
//! The event loop submits a [`TransferRecord`] or an [`AuditRecord`] to a bounded queue and never blocks;
//! threads write the logs and send the events. When a queue is full, records are dropped and counted. No
//! code here knows sessions or connections.

mod audit;
pub(crate) mod lossy_queue;
#[cfg_attr(not(feature = "records"), path = "no_outputs.rs")]
mod outputs;
mod record;
mod settings;
mod subscription;
pub mod target;
pub(crate) mod thread_group;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use audit::AuditRecord;
#[cfg(feature = "records")]
pub(crate) use outputs::event_worker;
pub use outputs::{IS_BUILT_IN, RecordThreads};
pub use record::{Outcome, TransferRecord, Verb};
pub use settings::{Events, TransferLog, TransferLogFormat};
pub use subscription::Subscription;

use rustix::fs::Access;

use crate::cause;
use crate::privsep::Helper;
use crate::storage::Storage;
use lossy_queue::LossyQueue;
use outputs::Outputs;

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

/// The event loop's end of all outputs. On drop, waits a few seconds for the last records to be written.
#[derive(Default)]
pub struct Records {
    outputs: Outputs,
    /// The program that embeds the server.
    subscriber: Option<Arc<LossyQueue<Arc<TransferRecord>>>>,
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
        let (outputs, threads) = Outputs::open(logs, events, privsep, waker)?;
        let subscriber = None;
        Ok((
            Self {
                outputs,
                subscriber,
            },
            threads,
        ))
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
        if !self.outputs.takes_records() && self.subscriber.is_none() {
            return;
        }
        let record: Arc<TransferRecord> = Arc::from(record);
        if let Some(subscriber) = &self.subscriber {
            subscriber.push(0, Arc::clone(&record));
        }
        self.outputs.leave(record, storage);
    }

    /// Logs an audit record, and submits it to the audit log files. Never blocks.
    pub fn audit(&self, record: Box<AuditRecord>) {
        record.log();
        self.outputs.audit(record);
    }

    /// Requests that the log files be reopened by their paths. Returns whether there are any.
    pub fn reopen(&self) -> bool {
        self.outputs.reopen()
    }

    /// Whether all requests to reopen are done.
    pub fn is_reopened(&self) -> bool {
        self.outputs.is_reopened()
    }

    /// The error of the last request to reopen, if a file could not be reopened.
    pub fn mistake(&self) -> Option<String> {
        self.outputs.mistake()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.subscriber.iter().for_each(|queue| queue.close());
    }
}
