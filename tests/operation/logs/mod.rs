//! The log as operators and their programs read it: one line per failed login, change or refusal,
//! which a client can neither forge nor hide with a flood.
//!
//! fail2ban and logrotate run with the guide's configuration. Where they are not installed their tests
//! are skipped with a message, or fail if `MIOFTPD_REQUIRE_CLIENTS=1` is set.

#![cfg(feature = "config")]

use crate::config::world;

mod audit;
mod fail2ban;
mod flood;
mod rotation;

use std::process::Command;

/// The program, if it is installed.
pub(crate) fn installed(program: &str) -> Option<Command> {
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
