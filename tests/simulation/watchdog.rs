//! What ends a run that does not end by itself: a loop in the server, or in the simulation, that never
//! comes back to the virtual network and so cannot be found within its seed.
//!
//! A thread looks at the wall clock. What it guards takes milliseconds; one that takes longer than
//! [`PATIENCE`] is named, and the process ends, because a thread in an endless loop cannot be. No test
//! waits for this clock and none passes by it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A thousand times what a seed takes, on a machine that is busy with other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// As of a test that failed.
const EXIT_CODE: i32 = 101;

#[derive(Default)]
struct Guarded {
    /// What is under way, and since when; a seed may be tried more than once at a time.
    runs: BTreeMap<u64, (Run, Instant)>,
    next: u64,
    is_over: bool,
}

/// What is guarded, as it is named to who waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Seed(u64),
    /// Something smaller that is made of a seed.
    Reduction(u64),
    Script(PathBuf),
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "seed {seed}"),
            Self::Reduction(seed) => write!(f, "a reduction of seed {seed}"),
            Self::Script(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Run {
    /// How to see it again.
    fn again(&self) -> String {
        match self {
            Self::Seed(seed) => format!("failed after {} seeds; {}", seed + 1, seed_again(*seed)),
            Self::Reduction(seed) => format!("MIOFTPD_SHRINK=0 {}", seed_again(*seed)),
            Self::Script(path) => script_again(path),
        }
    }
}

/// The command that runs a seed once more.
pub(crate) fn seed_again(seed: u64) -> String {
    format!("MIOFTPD_SEED={seed} cargo test --test simulation every -- --nocapture")
}

/// The same of a script.
pub(crate) fn script_again(path: &Path) -> String {
    let shown = path.display();
    format!("MIOFTPD_SCRIPT={shown} cargo test --test simulation kept -- --nocapture")
}

/// Guards runs; dropped, it guards no more.
pub(crate) struct Watchdog {
    guarded: Arc<(Mutex<Guarded>, Condvar)>,
    thread: Option<thread::JoinHandle<()>>,
}

/// A run that is guarded until this is dropped.
pub(crate) struct Guard<'a> {
    watchdog: &'a Watchdog,
    number: u64,
}

impl Watchdog {
    pub(crate) fn start() -> Self {
        let guarded: Arc<(Mutex<Guarded>, Condvar)> = Arc::default();
        let shared = Arc::clone(&guarded);
        let thread = thread::spawn(move || {
            if let Some(run) = watch(&shared, PATIENCE) {
                // Not by a macro, whose output is kept for the end of the test.
                let said = writeln!(
                    io::stderr(),
                    "{run} has not ended within {} seconds: a loop that never asks the world, or \
                     one that waits for itself\n{}",
                    PATIENCE.as_secs(),
                    run.again(),
                );
                drop(said);
                process::exit(EXIT_CODE);
            }
        });
        Self {
            guarded,
            thread: Some(thread),
        }
    }

    pub(crate) fn guard(&self, run: Run) -> Guard<'_> {
        let mut guarded = lock(&self.guarded.0);
        guarded.next += 1;
        let number = guarded.next;
        guarded.runs.insert(number, (run, Instant::now()));
        Guard {
            watchdog: self,
            number,
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        lock(&self.watchdog.guarded.0).runs.remove(&self.number);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        lock(&self.guarded.0).is_over = true;
        self.guarded.1.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Waits until all is over, or for a run that takes longer than it may: that one.
fn watch(shared: &(Mutex<Guarded>, Condvar), patience: Duration) -> Option<Run> {
    let mut guarded = lock(&shared.0);
    loop {
        if guarded.is_over {
            return None;
        }
        let mut under_way = guarded.runs.values();
        let late = under_way.find(|(_, since)| since.elapsed() >= patience);
        if let Some((run, _)) = late {
            return Some(run.clone());
        }
        let waited = shared.1.wait_timeout(guarded, patience / 10);
        guarded = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn lock(guarded: &Mutex<Guarded>) -> MutexGuard<'_, Guarded> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_seed_that_does_not_end_is_named_and_others_are_not() {
    let shared = (Mutex::new(Guarded::default()), Condvar::new());
    let (now, late) = (Instant::now(), Duration::ZERO);
    lock(&shared.0).runs.insert(1, (Run::Seed(77), now));
    assert_eq!(watch(&shared, late), Some(Run::Seed(77)));
    lock(&shared.0).runs.clear();
    lock(&shared.0).is_over = true;
    assert_eq!(watch(&shared, late), None);
}
