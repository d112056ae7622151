//! The exercises of the book (`src/book/breaking.md`): for each a test that fails until it is solved.
//!
//! They are ignored in an ordinary run: `cargo test --test exercises -- --ignored exercise_05`. Exercises one
//! to four change the server; for the others there is a file in `stubs` to fill in. A worked answer of each
//! is a patch in `answers`; ordinary runs verify that these apply.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod answers;
mod chat;
mod server;
mod simulated;
mod structures;
mod stubs;
#[path = "../support/mod.rs"]
mod support;
