//! The reactor inside the test: what no client and no kernel can be told to do.
//!
//! - `channels` has sockets in memory, which deliver what the test says, and a clock that the test sets.
//! - `slow_workers` has real sockets, and workers that finish a job when the test says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod channels;
mod harness;
mod slow_workers;
#[path = "../support/mod.rs"]
mod support;
