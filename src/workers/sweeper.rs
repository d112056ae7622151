//! The sweeper: removes temporary files that a killed server has left.
//!
//! A tree may be large and its disk slow, so the sweep runs in a thread of the lowest priority while
//! the server is serving. Nothing waits for it. A shutdown interrupts it; the next start sweeps again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::lower_priority;
use crate::limits::{SWEEP_ENTRIES, SWEEPER_NICENESS, THREAD_STACK_BYTES};
use crate::storage::{Sweep, SweepResult};

/// The sweeper thread; dropping this ends it after its next step.
#[must_use = "dropping it ends the thread"]
pub struct Sweeper {
    ended: Arc<AtomicBool>,
}

impl Sweeper {
    /// Starts the thread, which sweeps one tree after the other.
    ///
    /// # Errors
    /// When the system cannot create a thread.
    pub fn start(sweeps: Vec<Sweep>) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        thread::Builder::new()
            .name("sweeper".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                lower_priority(SWEEPER_NICENESS);
                for mut sweep in sweeps {
                    let swept = loop {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        if let Some(swept) = sweep.step(SWEEP_ENTRIES) {
                            break swept;
                        }
                    };
                    report(swept);
                }
            })?;
        Ok(Self { ended })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn report(result: SweepResult) {
    let SweepResult {
        removed,
        kept,
        skipped_directories,
    } = result;
    if removed > 0 {
        log::info!("Unfinished uploads: {removed} removed, {kept} in use");
    } else {
        log::debug!("Unfinished uploads: none to remove, {kept} in use");
    }
    if skipped_directories > 0 {
        log::warn!(
            "Unfinished uploads may remain in directories that are unreadable or too deep \
             ({skipped_directories} of them)"
        );
    }
}
