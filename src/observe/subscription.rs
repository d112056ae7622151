//! Records of transfers for the program that the server is a part of: a bounded channel, which the
//! program empties when it likes.
//!
//! The loop never waits for it. What does not fit is left out and counted, so a program that falls
//! behind can tell that it has; one that drops its end costs the loop nothing more.

use std::sync::Arc;

use super::mailbox::Mailbox;
use super::record::TransferRecord;

/// The program's end of the channel.
pub struct Subscription(pub(super) Mailbox<Arc<TransferRecord>>);

impl Subscription {
    /// The next record, if there is one; never waits.
    pub fn poll(&self) -> Option<Arc<TransferRecord>> {
        self.0.poll()
    }

    /// Waits for the next; `None`: the server is gone, and all have been taken.
    pub fn wait(&self) -> Option<Arc<TransferRecord>> {
        self.0.take()
    }

    /// How many did not fit since the last time that this was asked.
    pub fn lost(&self) -> u64 {
        self.0.lost()
    }
}
