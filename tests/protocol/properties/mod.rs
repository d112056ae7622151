//! Property tests with random conversations and directory trees over real sockets.
//!
//! - `pieces`: replies do not depend on the segmentation of the commands, and conform to the grammar
//!   of RFC 959 §4.2.
//! - `trees`: LIST, NLST, MLSD and STAT return the same entries for any names; RETR of each returns
//!   its content; MLSD and MLST conform to the grammar of RFC 3659 §7.2.
//!
//! `PROPTEST_CASES=1000 cargo test --test protocol properties` runs more cases.

mod facts;
mod pieces;
mod replies;
mod trees;

use proptest::test_runner::Config;

/// A configuration with this number of cases, unless `PROPTEST_CASES` is set. Failing cases are printed,
/// not stored.
fn cases(number: u32) -> Config {
    let requested = std::env::var("PROPTEST_CASES").ok();
    let requested = requested.and_then(|text| text.parse().ok());
    Config {
        cases: requested.unwrap_or(number),
        failure_persistence: None,
        ..Config::default()
    }
}
