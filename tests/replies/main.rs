//! Replies as client programs parse them: the wording of refusals, and names that clients send back.
//!
//! `readers` has the matching rules of the clients, `words` the refusals, `names` the names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod names;
mod readers;
#[path = "../support/mod.rs"]
mod support;
mod words;
