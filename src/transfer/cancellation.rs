//! The loop's word to a worker that its transfer is wanted back.
//!
//! It is the only thing that the two share about a transfer; the transfer itself belongs to one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a worker's turn with a transfer: requested by the loop, heard between two slices.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Has the worker return the transfer after its slice.
    pub fn request(&self) {
        // Nothing else is published with it: the transfer itself comes back through the queue.
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
