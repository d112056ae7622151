//! The configuration file on the running program: what each key does, seen by a client; what is said
//! of a wrong file; `--check`; and SIGHUP.
//!
//! A test of a key names it, in backticks, in its documentation; [`every_key_has_an_effect`] compares
//! these names with the example that the program prints.

#![cfg(feature = "config")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod checking;
mod combinations;
#[cfg(feature = "sandbox")]
mod confined;
mod events;
mod layers;
mod limits;
mod losses;
mod paths;
mod quotas;
mod reloading;
mod revocation;
#[cfg(feature = "tls")]
mod revocation_tls;
#[cfg(feature = "tls")]
mod secure;
mod serving;
mod storage;
mod timings;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod unclean_uploads;
#[cfg(feature = "sandbox")]
mod unreachable;
mod usage;
mod warnings;
mod world;

use std::collections::BTreeSet;

/// The files with effects.
const EFFECTS: [&str; 10] = [
    include_str!("accounts.rs"),
    include_str!("events.rs"),
    include_str!("limits.rs"),
    include_str!("revocation.rs"),
    include_str!("serving.rs"),
    include_str!("quotas.rs"),
    include_str!("storage.rs"),
    include_str!("timings.rs"),
    include_str!("tls.rs"),
    include_str!("unclean_uploads.rs"),
];

/// The keys of the example, with their tables: those behind a `#` without a blank too.
fn keys_of_the_example() -> BTreeSet<String> {
    let output = support::mioftpd(["--example-config"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix('[') {
            table = format!("{}.", rest.trim_matches(['[', ']']));
        } else if let Some((name, _)) = line.split_once(" = ") {
            let name = name.strip_prefix('#').unwrap_or(name);
            let is_key = |c: char| c.is_ascii_lowercase() || c == '-';
            if name.chars().all(is_key) {
                keys.insert(format!("{table}{name}"));
            }
        }
    }
    keys
}

/// The keys that the documentation of a test names.
fn keys_with_an_effect() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for text in EFFECTS {
        let lines: Vec<_> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if !line.starts_with("/// `") {
                continue;
            }
            let below = lines[number..].iter().find(|line| !line.starts_with("///"));
            assert_eq!(below, Some(&"#[test]"), "{line}");
            keys.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    keys
}

#[test]
fn every_key_has_an_effect() {
    let (keys, effects) = (keys_of_the_example(), keys_with_an_effect());
    assert!(keys.len() > 40, "{keys:?}");
    let without: Vec<_> = keys.difference(&effects).collect();
    let unknown: Vec<_> = effects.difference(&keys).collect();
    assert!(without.is_empty(), "keys without a test: {without:?}");
    assert!(unknown.is_empty(), "tests of no key: {unknown:?}");
}
