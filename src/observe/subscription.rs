//! Transfer records for a program that embeds the server, in a bounded queue.
//!
//! The event loop never waits for the program: when the queue is full, records are dropped and counted.

use std::sync::Arc;

use super::bounded_queue::QueueReceiver;
use super::record::TransferRecord;

/// The program's end of the queue.
pub struct Subscription(pub(super) QueueReceiver<Arc<TransferRecord>>);

impl Subscription {
    /// The next record, if there is one; never blocks.
    pub fn poll(&self) -> Option<Arc<TransferRecord>> {
        self.0.try_recv()
    }

    /// Blocks until the next record; `None` when the server is gone and the queue is empty.
    pub fn wait(&self) -> Option<Arc<TransferRecord>> {
        self.0.recv()
    }

    /// The number of records dropped since the last call.
    pub fn lost(&self) -> u64 {
        self.0.take_drop_count()
    }
}
