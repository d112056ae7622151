//! `--help` and `--version`: what this build can do, whichever Cargo features it has.
//!
//! The README shows the options of all features, and Cargo.toml has the names of the features.

use std::process::Output;

use crate::support::{Starter, mioftpd};

macro_rules! features {
    ($($name:literal)*) => { &[$(($name, cfg!(feature = $name))),*] };
}

/// The Cargo features, and whether this build has them.
const FEATURES: &[(&str, bool)] = features! {
    "bench" "charset" "config" "daemon" "digests" "hashed-passwords" "mode-z" "pam" "quotas" "records"
    "resolver" "sandbox" "settings" "status" "systemd" "tls"
};

#[test]
fn features_are_those_of_the_package() {
    let package = include_str!("../../Cargo.toml");
    let table = package.split("[features]\n").nth(1).unwrap();
    let table = table.split("\n[").next().unwrap();
    let keys = table
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0));
    let mut names: Vec<_> = keys.filter(|key| *key != "default").collect();
    names.sort_unstable();
    let known: Vec<_> = FEATURES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known);
}

/// Runs the program with one option.
fn run(option: &str) -> Output {
    mioftpd([option]).output().unwrap()
}

#[test]
fn help_goes_to_standard_output() {
    for option in ["--help", "-h"] {
        let output = run(option);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        for word in [
            "mioftpd [OPTIONS] [DIR]",
            "--listen",
            "--writable",
            "--user",
            "--password-file",
            "MIOFTPD_PASSWORD",
            "--anonymous",
            "--passive-ports",
            "--passive-address",
            "--workers",
            "--log",
            "--version",
            "21000",
        ] {
            assert!(text.contains(word), "no {word:?} in\n{text}");
        }
    }
}

#[test]
fn version_matches_the_package() {
    let output = run("--version");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let (first, features) = text.split_once("\nFeatures: ").unwrap();
    assert_eq!(first, concat!("mioftpd ", env!("CARGO_PKG_VERSION")));
    let features: Vec<_> = features.split_ascii_whitespace().collect();
    for (name, is_built_in) in FEATURES {
        assert_eq!(
            features.contains(name),
            *is_built_in,
            "{name}: {features:?}"
        );
    }
    let is_any = FEATURES.iter().any(|(_, is_built_in)| *is_built_in);
    assert_eq!(features == ["none"], !is_any);
}

#[test]
fn options_of_missing_features_are_not_in_the_help() {
    let help = String::from_utf8(run("--help").stdout).unwrap();
    for (option, is_shown) in [
        ("--config", cfg!(feature = "settings")),
        ("--check", cfg!(feature = "config")),
        ("--example-config", cfg!(feature = "config")),
        ("--hash-password", cfg!(feature = "hashed-passwords")),
        ("--charset", cfg!(feature = "charset")),
        ("--tls-cert", cfg!(feature = "tls")),
        ("--state-dir", cfg!(feature = "tls")),
        ("--trace", cfg!(feature = "status")),
        ("--no-sandbox", cfg!(feature = "sandbox")),
        ("--inetd", cfg!(feature = "daemon")),
        ("--syslog", cfg!(feature = "daemon")),
    ] {
        assert_eq!(help.contains(&format!(" {option}")), is_shown, "{option}");
    }
}

/// The README has the options of all features.
#[test]
fn help_is_in_the_readme() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("## Command line\n\n```text\n").nth(1).unwrap();
    let shown: Vec<_> = shown.split("```").next().unwrap().lines().collect();
    let help = String::from_utf8(run("--help").stdout).unwrap();
    let lines = help.lines().skip_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<_> = lines.collect();
    let mut others = shown.iter();
    for line in &lines {
        assert!(
            others.any(|other| other == line),
            "not in the README: {line}"
        );
    }
    if FEATURES.iter().all(|(_, is_built_in)| *is_built_in) {
        assert_eq!(lines, shown);
    }
}

/// The remedy is one that this build has.
#[test]
fn warning_of_passwords_in_the_clear_has_the_remedy_of_the_build() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret\n").unwrap();
    let server = |options: &[&str]| {
        let starter = Starter::default().listen("0.0.0.0:0").argument("-u");
        let starter = starter.argument("ann").argument("--password-file");
        let starter = starter.argument(secret.path()).serving(|_| ());
        let starter = options.iter().fold(starter, Starter::argument);
        starter.start()
    };
    let line = server(&[]).wait_for_log("Passwords go in the clear");
    assert_eq!(
        line.contains("--tls-self-signed"),
        cfg!(feature = "tls"),
        "{line}"
    );
    assert_eq!(
        line.contains("--features tls"),
        !cfg!(feature = "tls"),
        "{line}"
    );
    let log = server(&["--tls-require", "none"]).log();
    assert!(!log.contains("in the clear"), "{log}");
}
