//! What is true of every dialogue and of every tree, tried with random ones over real sockets.
//!
//! - `pieces`: however a script is cut into segments, it gets the same replies, and each of them
//!   is one by the grammar of RFC 959 §4.2.
//! - `trees`: LIST, NLST, MLSD and STAT name the same entries, whatever their names are; RETR of
//!   each gives its bytes; MLSD and MLST keep to the grammar of RFC 3659 §7.2.
//!
//! `PROPTEST_CASES=1000 cargo test --test properties` tries more of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod facts;
mod pieces;
mod replies;
mod trees;

use proptest::test_runner::Config;

/// So many cases unless the environment says otherwise; a failing one is printed, not kept.
fn cases(number: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok();
    Config {
        cases: asked.and_then(|text| text.parse().ok()).unwrap_or(number),
        failure_persistence: None,
        ..Config::default()
    }
}
