//! Periodically recounts the files of directories with a quota, one directory at a time, slowly.
//!
//! This is how changes by other programs reach the usage of a quota that refuses nothing. A count
//! that a command waits for has a thread of its own, so a hanging disk delays only this thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use crate::limits::THREAD_STACK_BYTES;
use crate::storage::UsageCounter;

/// The recount thread; dropping this ends it at its next step.
#[must_use = "dropping it ends the thread"]
pub(super) struct Recounts {
    /// Closing the channel is the signal to end; nothing is sent.
    _end: Sender<()>,
}

impl Recounts {
    /// Starts the thread; `None` without counters, or if `every` is zero.
    pub(super) fn start(
        counters: impl Iterator<Item = Arc<UsageCounter>>,
        every: Duration,
    ) -> io::Result<Option<Self>> {
        let counters: Vec<_> = counters.collect();
        if counters.is_empty() || every.is_zero() {
            return Ok(None);
        }
        let (end, ended) = channel();
        thread::Builder::new()
            .name("recount".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let continues = || ended.try_recv() == Err(TryRecvError::Empty);
                while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    for counter in &counters {
                        counter.recount_slowly(&continues);
                    }
                }
            })?;
        Ok(Some(Self { _end: end }))
    }
}
