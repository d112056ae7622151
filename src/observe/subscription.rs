//! Transfer records for a program that embeds the server, in a bounded queue.
//!
//! The event loop never waits for the program: when the queue is full, records are dropped and counted.

use std::sync::Arc;

use super::lossy_queue::LossyQueue;
use super::record::TransferRecord;

/// The program's end of the queue.
#[derive(Debug)]
pub struct Subscription(pub(super) Arc<LossyQueue<Arc<TransferRecord>>>);

impl Drop for Subscription {
    fn drop(&mut self) {
        self.0.close();
        while self.0.try_take().is_some() {}
    }
}

impl Subscription {
    /// The next record, if there is one; never blocks.
    pub fn poll(&self) -> Option<Arc<TransferRecord>> {
        self.0.try_take()
    }

    /// Blocks until the next record; `None` when the server is gone and the queue is empty.
    pub fn wait(&self) -> Option<Arc<TransferRecord>> {
        self.0.take()
    }

    /// The number of records dropped since the last call.
    pub fn lost(&self) -> u64 {
        self.0.take_lost(0)
    }
}
