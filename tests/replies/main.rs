//! Replies are read by programs: what they look for in a refusal, and names that they go on with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod names;
mod readers;
#[path = "../support/mod.rs"]
mod support;
mod words;
