//! The unit files of the systemd guide: systemd-analyze, if it is installed, accepts them, and their
//! paths agree with the guide's configuration file and with the rules for logrotate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../../src/guide/systemd.md");

const ROTATION: &str = include_str!("../../src/guide/logrotate.conf");

/// The page's code blocks in this language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(&fence).skip(1);
    blocks
        .map(|text| text.split_once("```").unwrap().0)
        .collect()
}

/// One configured by command line, and one by a configuration file.
fn units() -> [&'static str; 2] {
    examples("ini").try_into().unwrap()
}

/// The unit's values by section and key.
fn assignments(unit: &'static str) -> BTreeMap<(&'static str, &'static str), &'static str> {
    let mut section = "";
    let mut found = BTreeMap::new();
    for line in unit.lines().filter(|line| !line.is_empty()) {
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
fn units_grant_what_the_server_needs() {
    for unit in units().map(assignments) {
        let service = |key| unit[&("Service", key)];
        assert_eq!(service("Type"), "notify-reload");
        let start: Vec<_> = service("ExecStart").split(' ').collect();
        assert!(start[0].ends_with("/mioftpd"), "{start:?}");
        // Everything but ReadWritePaths is read-only.
        assert_eq!(service("ProtectSystem"), "strict");
        let families: Vec<_> = service("RestrictAddressFamilies").split(' ').collect();
        // AF_UNIX is for NOTIFY_SOCKET.
        for family in ["AF_INET", "AF_INET6", "AF_UNIX"] {
            assert!(families.contains(&family), "{families:?}");
        }
        assert_eq!(
            service("CapabilityBoundingSet"),
            service("AmbientCapabilities")
        );
        assert!(unit.contains_key(&("Install", "WantedBy")));
    }
}

#[test]
fn unit_allows_writing_to_the_served_directory() {
    let [unit, _] = units().map(assignments);
    let served = unit[&("Service", "ExecStart")].split(' ').next_back();
    assert_eq!(unit[&("Service", "ReadWritePaths")], served.unwrap());
}

/// The value of a key of the example configuration, without quotes.
fn configured(key: &str) -> &'static str {
    let [file] = examples("toml").try_into().unwrap();
    let mut lines = file.lines();
    let value = lines.find_map(|line| line.strip_prefix(&format!("{key} = ")));
    value.unwrap().trim_matches('"')
}

#[test]
fn configured_paths_are_writable_and_rotated() {
    let [_, unit] = units().map(assignments);
    let service = |key| unit[&("Service", key)];
    assert_eq!(service("ReadWritePaths"), configured("directory"));
    let state = format!("/var/lib/{}", service("StateDirectory"));
    assert_eq!(configured("state-directory"), state);
    let logs = format!("/var/log/{}", service("LogsDirectory"));
    for key in ["transfers", "transfers-json", "audit-json"] {
        let log = Path::new(configured(key));
        assert_eq!(log.parent(), Some(Path::new(&logs)), "{key}");
        let all = format!("{logs}/*.json ");
        let rotated = ROTATION.contains(&format!("{} ", log.display()))
            || log.extension().is_some_and(|end| end == "json") && ROTATION.contains(&all);
        assert!(rotated, "{key}");
    }
}

/// The paths are replaced by those of the test.
#[test]
#[cfg(all(feature = "config", feature = "tls"))]
fn example_configuration_is_valid() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let [file] = examples("toml").try_into().unwrap();
    let mut file: String = file.replace("[::]:21\", \"0.0.0.0:21", "127.0.0.1:0");
    for name in ["/srv/ftp", "/var/log/mioftpd", "/var/lib/mioftpd"] {
        let own = here.join(name.trim_start_matches('/'));
        fs::create_dir_all(&own).unwrap();
        file = file.replace(name, own.to_str().unwrap());
    }
    let secret = here.join(configured("password-file"));
    fs::write(&secret, "a secret").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o640)).unwrap();
    fs::write(here.join("mioftpd.toml"), file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mioftpd"))
        .arg("--check")
        .arg("--config")
        .arg(here.join("mioftpd.toml"))
        .output()
        .unwrap();
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{notes}");
    assert_eq!(notes, "");
}

#[test]
fn systemd_analyze_accepts_the_units() {
    let Some(version) = version() else {
        return eprintln!("skipped: there is no systemd-analyze");
    };
    for unit in units() {
        verify(unit, version);
    }
}

fn verify(unit: &str, version: u32) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mioftpd.service");
    let mut unit = unit.replace("/usr/local/bin/mioftpd", env!("CARGO_BIN_EXE_mioftpd"));
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
    // It may also report errors in other units of this host.
    let text = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<_> = text
        .lines()
        .filter(|l| l.contains("mioftpd.service"))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// The version of systemd-analyze, if it is installed and supports the options used (systemd 250).
fn version() -> Option<u32> {
    let output = Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(1)?.parse().ok()?;
    (version >= 250).then_some(version)
}
