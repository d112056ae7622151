//! The thread that removes, after the start, what servers that were killed have left.
//!
//! A tree may be large and its disk slow, so it has a thread of its own, which yields to all
//! others, and nobody waits for it: the server serves meanwhile, and ends without it. What it
//! has not come to is still there for the next.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::limits::{SWEEP_ENTRIES, SWEEPER_NICENESS, THREAD_STACK_BYTES};
use crate::storage::{Sweep, Swept};

/// The thread; dropped, it ends after its next step.
#[must_use = "dropping it ends the thread"]
pub struct Sweeper {
    ended: Arc<AtomicBool>,
}

impl Sweeper {
    /// Starts it; it goes through one tree after the other.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(sweeps: Vec<Sweep>) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let asked_to_end = Arc::clone(&ended);
        thread::Builder::new()
            .name("sweeper".to_owned())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                // On Linux priorities are of threads; refused, it is only less polite.
                let _ = rustix::process::setpriority_process(None, SWEEPER_NICENESS);
                for mut sweep in sweeps {
                    let swept = loop {
                        if asked_to_end.load(Ordering::Relaxed) {
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

fn report(swept: Swept) {
    let Swept {
        removed,
        kept,
        passed_over,
    } = swept;
    if removed > 0 {
        log::info!("Removed what {removed} unfinished uploads had left; {kept} are in use");
    } else {
        log::debug!("No unfinished uploads were left; {kept} are in use");
    }
    if passed_over > 0 {
        log::warn!("Unfinished uploads may be left in {passed_over} directories: closed or deep");
    }
}
