//! The unit file of the systemd guide is one that systemd understands: its own verifier says so where there
//! is one, and its lines are looked at in any case.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const PAGE: &str = include_str!("../src/guide/systemd.md");

fn unit() -> &'static str {
    let (_, behind) = PAGE.split_once("```ini\n").unwrap();
    behind.split_once("```").unwrap().0
}

/// What is assigned, by section and key.
fn assignments() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let mut section = "";
    let mut found = BTreeMap::new();
    for line in unit().lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').unwrap();
            continue;
        }
        let (key, value) = line.split_once('=').unwrap();
        assert!(key.chars().all(|c| c.is_ascii_alphabetic()), "{line}");
        let before = found.insert((section, key), value);
        assert_eq!(before, None, "{line}");
    }
    found
}

#[test]
fn it_says_what_the_server_needs() {
    let unit = assignments();
    let service = |key| unit[&("Service", key)];
    assert_eq!(service("Type"), "notify-reload");
    let start: Vec<_> = service("ExecStart").split(' ').collect();
    assert!(start[0].ends_with("/mioftpd"), "{start:?}");
    let served = start.last().unwrap();
    // All else is read-only.
    assert_eq!(service("ProtectSystem"), "strict");
    assert_eq!(service("ReadWritePaths"), *served);
    let families: Vec<_> = service("RestrictAddressFamilies").split(' ').collect();
    // The last is how the manager is told.
    for family in ["AF_INET", "AF_INET6", "AF_UNIX"] {
        assert!(families.contains(&family), "{families:?}");
    }
    assert_eq!(
        service("CapabilityBoundingSet"),
        service("AmbientCapabilities")
    );
    assert!(unit.contains_key(&("Install", "WantedBy")));
}

#[test]
fn systemd_understands_it() {
    let Some(version) = version() else {
        return eprintln!("skipped: there is no systemd-analyze");
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mioftpd.service");
    let mut unit = unit().replace("/usr/local/bin/mioftpd", env!("CARGO_BIN_EXE_mioftpd"));
    if version < 253 {
        unit = unit.replace(
            "notify-reload",
            "notify\nExecReload=/bin/kill -HUP $MAINPID",
        );
    }
    fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&path)
        .output()
        .unwrap();
    // Of other units of this host it may complain too.
    let text = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = text
        .lines()
        .filter(|l| l.contains("mioftpd.service"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// Of the verifier, if there is one that knows its options (systemd 250).
fn version() -> Option<u32> {
    let output = Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(1)?.parse().ok()?;
    (version >= 250).then_some(version)
}
