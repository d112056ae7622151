//! The configuration file of the running program: the effect of each key, seen by a client; the errors of
//! an invalid file; `--check`; and SIGHUP.
//!
//! The documentation of a test names its key in backticks; [`every_key_has_a_test`] compares these names
//! with the output of `--example-config`.

#![cfg(feature = "config")]

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
#[cfg(feature = "hashed-passwords")]
mod shadow;
#[cfg(feature = "status")]
mod slow;
#[cfg(feature = "status")]
mod status;
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
pub(crate) mod world;

use std::collections::BTreeSet;

/// The files with tests of keys.
const KEY_TESTS: [&str; 13] = [
    include_str!("accounts.rs"),
    include_str!("events.rs"),
    include_str!("limits.rs"),
    include_str!("revocation.rs"),
    include_str!("serving.rs"),
    include_str!("shadow.rs"),
    include_str!("quotas.rs"),
    include_str!("slow.rs"),
    include_str!("status.rs"),
    include_str!("storage.rs"),
    include_str!("timings.rs"),
    include_str!("tls.rs"),
    include_str!("unclean_uploads.rs"),
];

/// The keys of the example, with their tables; a key may be commented out by `#` without a blank.
fn keys_of_the_example() -> BTreeSet<String> {
    let output = crate::support::mioftpd(["--example-config"])
        .output()
        .unwrap();
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
fn keys_with_a_test() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for text in KEY_TESTS {
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
fn every_key_has_a_test() {
    let (keys, tested) = (keys_of_the_example(), keys_with_a_test());
    assert!(keys.len() > 40, "{keys:?}");
    let untested: Vec<_> = keys.difference(&tested).collect();
    let unknown: Vec<_> = tested.difference(&keys).collect();
    assert!(untested.is_empty(), "keys without a test: {untested:?}");
    assert!(unknown.is_empty(), "tests of unknown keys: {unknown:?}");
}
