//! Data connections and what they leave on the disk, over real sockets.
//!
//! - `representations` combines TYPE, STRU and MODE; `file_tasks` are digests.
//! - `cut_transfers`, `upload_ends` and `kept_uploads` end a transfer in every way, `refused_data` before it
//!   begins.
//! - `one_port` has a single passive port for many clients.
//! - `durability` kills the server, `in_place` has files that no rename can replace, `writers` two clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cut_transfers;
mod durability;
mod file_tasks;
mod in_place;
mod kept_uploads;
mod one_port;
mod refused_data;
mod representations;
#[path = "../support/mod.rs"]
mod support;
mod upload_ends;
#[cfg(feature = "config")]
mod writers;
