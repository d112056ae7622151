//! Counts a tree again: when that is asked for, when a quota refuses something, or slowly now and then.
//!
//! Files come and go behind the server's back: somebody makes room by hand, or a program puts files
//! there. So what a quota refuses is refused only after a count; and because a client that hammers must not
//! keep the disk busy, a count is followed by a rest, in which a refusal stands. There is one count at a
//! time, on a thread of its own; nobody who works on files waits in it. Without a clock: the thread is
//! the timer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Error, Storage, Usage};
use crate::cause::cause;
use crate::limits::{COUNT_PAUSE, COUNT_REST, COUNT_REST_STEPS, THREAD_STACK_BYTES};

/// What counts a tree.
pub struct Counter {
    usage: Arc<Usage>,
    tree: Arc<dyn Storage>,
    /// After a short count.
    rest: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

/// ```text
///   Idle ──▶ Counting ──▶ Resting ──▶ Idle
///             ▲  └──asked──▶ Stale ─┐
///             └─────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Counting(Speed),
    /// It is counted, and once more then: what was asked for came after the begin.
    Stale,
    /// What a quota refuses is refused.
    Resting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    /// Somebody waits for it.
    Full,
    /// With pauses, which leave the disk to others.
    Slow,
}

impl Counter {
    /// Counts `tree` for `usage`.
    pub fn new(usage: Arc<Usage>, tree: Arc<dyn Storage>) -> Self {
        Self {
            usage,
            tree,
            rest: COUNT_REST,
            state: Mutex::new(State::Idle),
            changed: Condvar::new(),
        }
    }

    /// With another rest after a count: longer than it takes those who wait for it to ask again.
    #[must_use]
    pub const fn with_rest(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// What it counts for.
    pub const fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// Has it counted from now on, whatever was counted before.
    pub fn count_anew(self: &Arc<Self>) {
        let mut state = self.state();
        match *state {
            State::Idle => self.begin(&mut state),
            State::Resting => *state = State::Counting(Speed::Full),
            State::Counting(_) | State::Stale => *state = State::Stale,
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A quota refuses something: whether there is a count under way that may find room, begun for
    /// this where the last one is not too recent.
    pub(super) fn may_find_room(self: &Arc<Self>) -> bool {
        let mut state = self.state();
        match *state {
            State::Idle => self.begin(&mut state),
            State::Counting(Speed::Slow) => *state = State::Counting(Speed::Full),
            State::Counting(Speed::Full) | State::Stale | State::Resting => {}
        }
        let may = matches!(*state, State::Counting(_) | State::Stale);
        drop(state);
        self.changed.notify_all();
        may
    }

    /// Counts on this thread, unless that goes on already or has just been done; slowly, as long as
    /// nobody waits for it and `goes_on`.
    pub fn count_slowly(&self, goes_on: &dyn Fn() -> bool) {
        let mut state = self.state();
        if *state == State::Idle {
            *state = State::Counting(Speed::Slow);
            drop(state);
            self.run(goes_on);
        }
    }

    fn begin(self: &Arc<Self>, state: &mut State) {
        *state = State::Counting(Speed::Full);
        let counter = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("quota".to_owned())
            .stack_size(THREAD_STACK_BYTES);
        if let Err(error) = thread.spawn(move || counter.run(&|| true)) {
            let why = cause(&error);
            log::warn!("Cannot start a thread to count what a quota is for: {why}");
            *state = State::Idle;
        }
    }

    fn run(&self, goes_on: &dyn Fn() -> bool) {
        let _ending = Ending(self);
        loop {
            let steps = self.walk(goes_on);
            let mut state = self.state();
            match *state {
                State::Stale => *state = State::Counting(Speed::Full),
                // Nobody was refused: who is next shall have a count.
                State::Counting(Speed::Slow) => return *state = State::Idle,
                _ => {
                    let rest = self.rest + self.rest / COUNT_REST_STEPS * steps;
                    *state = State::Resting;
                    state = self.wait_while(state, rest, State::Resting);
                    if *state == State::Resting {
                        return *state = State::Idle;
                    }
                }
            }
        }
    }

    /// How many steps it took.
    fn walk(&self, goes_on: &dyn Fn() -> bool) -> u32 {
        let mut steps = 0_u32;
        let counted = self.usage.recount(self.tree.as_ref(), &mut || {
            if !goes_on() {
                return Err(Error::Busy);
            }
            steps = steps.saturating_add(1);
            let slow = State::Counting(Speed::Slow);
            drop(self.wait_while(self.state(), COUNT_PAUSE, slow));
            Ok(())
        });
        if let Err(error) = counted
            && goes_on()
        {
            log::error!("Cannot count what a quota is for: {error}");
        }
        steps
    }

    /// Waits until that state is left, or the time over.
    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
        same: State,
    ) -> MutexGuard<'a, State> {
        let waited = self
            .changed
            .wait_timeout_while(state, time, |now| *now == same);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After a panic the next count can begin.
struct Ending<'a>(&'a Counter);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            *self.0.state() = State::Idle;
        }
    }
}
