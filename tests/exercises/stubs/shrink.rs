//! Exercise eleven: the fewest steps that still fail.

/// The steps, in their order, without those that the failure does not need: without any one of the rest it
/// would not fail. It asks `fails` as rarely as it can; for a thousand steps of which two matter, at most 200
/// times.
pub(crate) fn shrink(steps: &[u32], fails: &mut dyn FnMut(&[u32]) -> bool) -> Vec<u32> {
    steps.to_vec()
}
