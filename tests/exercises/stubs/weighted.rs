//! Exercise six: a run queue with weights.
//!
//! Control comes before data in the server's queue, always. Here data must not starve.

/// A queue of two kinds of turns. As long as both wait, three urgent ones come to one of bulk; within a kind
/// the first in is the first out; where one kind is empty, the other gets all turns.
#[derive(Default)]
pub(crate) struct Weighted {}

impl Weighted {
    pub(crate) fn push(&mut self, key: u32, is_urgent: bool) {}

    pub(crate) fn pop(&mut self) -> Option<u32> {
        None
    }
}
