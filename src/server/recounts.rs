//! Counts now and then what quotas are for, one directory after the other, slowly.
//!
//! What others put there or remove is seen then, also where no quota refuses anything and nobody asks. Any
//! count that somebody waits for has a thread of its own, so one directory whose disk hangs keeps no
//! other from being counted then.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use crate::limits::THREAD_STACK_BYTES;
use crate::storage::Counter;

/// The thread; dropped, it ends within its next step.
#[must_use = "dropping it ends the thread"]
pub(super) struct Recounts {
    /// Nothing is sent: it is only closed.
    _end: Sender<()>,
}

impl Recounts {
    /// Starts it, where there is anything to count: each time `every` is over.
    pub(super) fn start(
        counters: impl Iterator<Item = Arc<Counter>>,
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
                let goes_on = || ended.try_recv() == Err(TryRecvError::Empty);
                while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    for counter in &counters {
                        counter.count_slowly(&goes_on);
                    }
                }
            })?;
        Ok(Some(Self { _end: end }))
    }
}
