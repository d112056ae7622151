//! Aborts a run that does not terminate: an endless loop in the server or the simulation that makes no call
//! to the virtual network, and so cannot be detected inside its run.
//!
//! A thread watches the wall clock. A run takes milliseconds; one that exceeds [`PATIENCE`] is named, and
//! the process exits, since a looping thread cannot be stopped. No test waits for this clock, and none
//! passes because of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A thousand times the duration of a seed, for busy machines.
const PATIENCE: Duration = Duration::from_secs(30);

/// The exit code of a failed test.
const EXIT_CODE: i32 = 101;

#[derive(Default)]
struct Guarded {
    /// Running seeds and scripts, with their start; one seed may run several times at once.
    runs: BTreeMap<u64, (Run, Instant)>,
    next: u64,
    is_over: bool,
}

/// A guarded run, for the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Seed(u64),
    /// A reduction of a seed.
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
    /// How to reproduce it.
    fn again(&self) -> String {
        match self {
            Self::Seed(seed) => format!("failed after {} seeds; {}", seed + 1, seed_again(*seed)),
            Self::Reduction(seed) => format!("MIOFTPD_SHRINK=0 {}", seed_again(*seed)),
            Self::Script(path) => script_again(path),
        }
    }
}

/// The command that runs a seed.
pub(crate) fn seed_again(seed: u64) -> String {
    format!("MIOFTPD_SEED={seed} cargo test --test simulation every -- --nocapture")
}

/// The command that runs a script.
pub(crate) fn script_again(path: &Path) -> String {
    let shown = path.display();
    format!("MIOFTPD_SCRIPT={shown} cargo test --test simulation kept -- --nocapture")
}

/// Guards runs until it is dropped.
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
                // Not by a macro: the test harness captures their output.
                let written = writeln!(
                    io::stderr(),
                    "{run} has not ended within {} seconds: a loop without a call to the virtual network, or \
                     one that waits for itself\n{}",
                    PATIENCE.as_secs(),
                    run.again(),
                );
                drop(written);
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

/// Waits until the watchdog is dropped, or returns a run that exceeds `patience`.
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
fn watchdog_names_overdue_run() {
    let shared = (Mutex::new(Guarded::default()), Condvar::new());
    let (now, late) = (Instant::now(), Duration::ZERO);
    lock(&shared.0).runs.insert(1, (Run::Seed(77), now));
    assert_eq!(watch(&shared, late), Some(Run::Seed(77)));
    lock(&shared.0).runs.clear();
    lock(&shared.0).is_over = true;
    assert_eq!(watch(&shared, late), None);
}
