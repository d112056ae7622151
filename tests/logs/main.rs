//! What operators and their programs read in the log: nothing of it is hidden by a flood, one line a
//! failed login and one a change or refusal, in a form that no client can forge.
//!
//! fail2ban and logrotate are run as an operator has them. Where they are not installed their tests
//! are skipped with a message, unless `MIOFTPD_REQUIRE_CLIENTS=1` says that all have to be there.

#![cfg(feature = "config")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../config/world.rs"]
mod world;

mod flood;
