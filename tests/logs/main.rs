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

mod audit;
mod fail2ban;
mod flood;
mod rotation;

use std::process::Command;

/// The program, if it is installed.
fn installed(program: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.find(|folder| folder.join(program).is_file());
    let required = std::env::var("MIOFTPD_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "{program} is not installed");
    if found.is_none() {
        eprintln!("skipped: {program} is not installed");
    }
    found.map(|folder| Command::new(folder.join(program)))
}
