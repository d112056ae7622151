//! Recounts a tree: on request, before a quota refuses an upload, and slowly at intervals.
//!
//! Other programs and the operator change files without the server's knowledge, so a quota refuses only
//! after a recount. A cooldown after each count, in which refusals are final, keeps a client from loading
//! the disk with retries. At most one count runs at a time, on a thread of its own; no worker waits in
//! it. It reads no clock: the thread sleeps on a condition variable.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::TreeUsage;
use crate::cause::cause;
use crate::limits::{COUNT_COOLDOWN, COUNT_COOLDOWN_STEPS, COUNT_PAUSE, THREAD_STACK_BYTES};
use crate::storage::{Error, Storage};

/// Schedules the counts of one tree.
pub struct UsageCounter {
    usage: Arc<TreeUsage>,
    tree: Arc<dyn Storage>,
    /// The shortest cooldown; it grows with the size of the tree.
    cooldown: Duration,
    state: Mutex<CounterState>,
    changed: Condvar,
}

/// ```text
///   Idle ──▶ Counting ──▶ CoolingDown ──▶ Idle
///             ▲  └──requested──▶ Stale ─┐
///             └─────────────────────────┘
///   Idle ──▶ CountingSlowly ──▶ Idle, or Counting when an upload waits
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CounterState {
    Idle,
    /// An upload waits for the result.
    Counting,
    /// As `Counting`, with pauses between steps that leave the disk to transfers.
    CountingSlowly,
    /// Counting, and again afterwards, because a request came after the start.
    Stale,
    /// Refusals of a quota are final.
    CoolingDown,
}

impl UsageCounter {
    /// Counts `tree` for `usage`.
    pub fn new(usage: Arc<TreeUsage>, tree: Arc<dyn Storage>) -> Self {
        Self {
            usage,
            tree,
            cooldown: COUNT_COOLDOWN,
            state: Mutex::new(CounterState::Idle),
            changed: Condvar::new(),
        }
    }

    /// Sets the shortest cooldown. It must exceed the retry interval of a waiting upload, which would
    /// otherwise start another count.
    #[must_use]
    pub const fn with_cooldown(mut self, rest: Duration) -> Self {
        self.cooldown = rest;
        self
    }

    /// The usage that it updates.
    pub const fn usage(&self) -> &Arc<TreeUsage> {
        &self.usage
    }

    /// Requests a count that starts after this call.
    pub fn request_recount(self: &Arc<Self>) {
        let mut state = self.state();
        match *state {
            CounterState::Idle => self.begin(&mut state),
            CounterState::CoolingDown => *state = CounterState::Counting,
            CounterState::Counting | CounterState::CountingSlowly | CounterState::Stale => {
                *state = CounterState::Stale;
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Called before a quota refuses. Starts a count unless in the cooldown. Returns whether a count is
    /// in progress, whose result may allow what is refused now.
    pub(super) fn recount_before_refusal(self: &Arc<Self>) -> bool {
        let mut state = self.state();
        match *state {
            CounterState::Idle => self.begin(&mut state),
            CounterState::CountingSlowly => {
                *state = CounterState::Counting;
            }
            CounterState::Counting | CounterState::Stale | CounterState::CoolingDown => {}
        }
        let may = matches!(*state, CounterState::Counting | CounterState::Stale);
        drop(state);
        self.changed.notify_all();
        may
    }

    /// Counts on this thread, unless a count is in progress or has just ended: slowly until an upload
    /// waits for it, and only while `goes_on` returns true.
    pub fn recount_slowly(&self, goes_on: &dyn Fn() -> bool) {
        let mut state = self.state();
        if *state == CounterState::Idle {
            *state = CounterState::CountingSlowly;
            drop(state);
            self.run(goes_on);
        }
    }

    fn begin(self: &Arc<Self>, state: &mut CounterState) {
        *state = CounterState::Counting;
        let counter = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("quota".to_owned())
            .stack_size(THREAD_STACK_BYTES);
        if let Err(error) = thread.spawn(move || counter.run(&|| true)) {
            let why = cause(&error);
            log::warn!("Cannot start a thread to count the files of a quota: {why}");
            *state = CounterState::Idle;
        }
    }

    fn run(&self, goes_on: &dyn Fn() -> bool) {
        let _reset = ResetOnPanic(self);
        loop {
            let steps = self.walk(goes_on);
            let mut state = self.state();
            match *state {
                CounterState::Stale => *state = CounterState::Counting,
                // No upload was refused meanwhile, so the next refusal may start a count at once.
                CounterState::CountingSlowly => return *state = CounterState::Idle,
                _ => {
                    let cooldown = self.cooldown + self.cooldown / COUNT_COOLDOWN_STEPS * steps;
                    *state = CounterState::CoolingDown;
                    state = self.wait_while(state, cooldown, CounterState::CoolingDown);
                    if *state == CounterState::CoolingDown {
                        return *state = CounterState::Idle;
                    }
                }
            }
        }
    }

    /// Counts the tree; returns the number of steps.
    fn walk(&self, goes_on: &dyn Fn() -> bool) -> u32 {
        let mut steps = 0_u32;
        let counted = self.usage.recount(self.tree.as_ref(), &mut || {
            if !goes_on() {
                return Err(Error::Busy);
            }
            steps = steps.saturating_add(1);
            let slow = CounterState::CountingSlowly;
            drop(self.wait_while(self.state(), COUNT_PAUSE, slow));
            Ok(())
        });
        if let Err(error) = counted
            && goes_on()
        {
            log::error!("Cannot count the files of a quota: {error}");
        }
        steps
    }

    /// Blocks until the state changes from `same`, or for `time`.
    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, CounterState>,
        time: Duration,
        same: CounterState,
    ) -> MutexGuard<'a, CounterState> {
        let waited = self
            .changed
            .wait_timeout_while(state, time, |now| *now == same);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, CounterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resets the state after a panic, so that the next count can start.
struct ResetOnPanic<'a>(&'a UsageCounter);

impl Drop for ResetOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            *self.0.state() = CounterState::Idle;
        }
    }
}
