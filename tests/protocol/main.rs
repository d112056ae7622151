//! The dialogue: commands, replies and the order in which they are sent, over real sockets.
//!
//! - `transcripts` plays the dialogues of `tests/transcripts`; `coverage` compares them with the commands.
//! - `book` is the programs of the book, step by step, `book_calls` the system calls that it names.
//! - `control_only` is the server without a directory, `options` the effect of the command line's options.
//! - `properties` sends random conversations, `replies` reads replies as client programs do.
//! - `tls` is the dialogue inside TLS: handshakes, resumption, truncated connections.
//! - `regressions` and `reported` have the known faults of other servers, and what their users reported.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod book;
mod book_calls;
mod book_steps;
mod book_walks;
mod control_only;
mod coverage;
mod options;
mod properties;
mod regressions;
mod replies;
mod reported;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod transcripts;
