//! Events of uploads: what a program and a socket are told, and that neither delays a transfer.

use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use mioftpd::observe::Events;
use serde_json::Value;

use super::support::{DEADLINE, DataChannel, until};
use super::{Place, refusal, upload};

/// A script that knows the directory of all as `$1`.
fn script(text: &str, directory: &Path) -> Vec<OsString> {
    let mut argv = ["/bin/sh", "-c", text, "sh"].map(OsString::from).to_vec();
    argv.push(directory.into());
    argv
}

/// Puts what it was told into a file of its own, which appears whole.
const TELL: &str = "cd \"$1\" && env > $$.tmp && mv $$.tmp $$.told";

/// What programs have told so far.
fn told(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let told = entries.filter(|path| path.extension().is_some_and(|e| e == "told"));
    told.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn value<'a>(environment: &'a str, name: &str) -> Option<&'a str> {
    let lines = environment.lines();
    lines
        .filter_map(|line| line.split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v)
}

#[test]
fn a_program_is_told_of_whole_uploads_and_of_cut_ones() {
    let place = Place::start(|directory, config| {
        config.events.command = script(TELL, directory.path());
        config.events.digest = cfg!(feature = "digests");
    });
    let mut control = place.login();
    upload(&mut control, "whole", b"abc");
    let data = DataChannel::epsv(&mut control).stream();
    control.command("STOR cut", 150);
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    drop((data, control));
    let directory = place.stop();

    let told = told(directory.path());
    assert_eq!(told.len(), 2, "{told:?}");
    let of = |path: &str| {
        let of_it = |text: &&String| value(text, "MIOFTPD_PATH") == Some(path);
        told.iter().find(of_it).unwrap()
    };
    let file = directory.path().join("files/whole").canonicalize().unwrap();
    let expected = [
        ("MIOFTPD_VERB", "STOR"),
        ("MIOFTPD_OUTCOME", "complete"),
        ("MIOFTPD_BYTES", "3"),
        ("MIOFTPD_ACCOUNT", "anonymous"),
        ("MIOFTPD_PEER", "127.0.0.1"),
        ("MIOFTPD_TLS", "no"),
        ("MIOFTPD_FILE", file.to_str().unwrap()),
    ];
    for (name, expected) in expected {
        assert_eq!(value(of("/whole"), name), Some(expected), "{name}");
    }
    let digest = value(of("/whole"), "MIOFTPD_SHA256");
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest, cfg!(feature = "digests").then_some(sum));
    assert_eq!(value(of("/cut"), "MIOFTPD_OUTCOME"), Some("aborted"));
    assert_eq!(value(of("/cut"), "MIOFTPD_FILE"), None);
    assert_eq!(value(of("/cut"), "MIOFTPD_SHA256"), None);
}

#[test]
fn names_are_names_and_no_commands() {
    let place = Place::start(|directory, config| {
        config.events.command = script(TELL, directory.path());
    });
    let names = [
        "a b",
        ";touch injected",
        "$(touch injected)",
        "`touch injected`",
        "&& touch injected",
        "| touch injected",
        "-rf",
        "'quoted\" \\",
    ];
    let mut control = place.login();
    for name in names {
        upload(&mut control, name, b"x");
    }
    drop(control);
    let directory = place.stop();
    let told = told(directory.path());
    assert_eq!(told.len(), names.len());
    for name in names {
        let path = format!("/{name}");
        let is_told = told.iter().any(|t| value(t, "MIOFTPD_PATH") == Some(&path));
        assert!(is_told, "{name}: {told:?}");
    }
    assert!(!directory.path().join("injected").exists());
    assert!(!directory.path().join("files/injected").exists());
}

#[test]
fn downloads_are_no_events() {
    let place = Place::start(|directory, config| {
        fs::write(directory.path().join("files/f"), "x").unwrap();
        config.events.command = script(TELL, directory.path());
    });
    let mut control = place.login();
    let data = DataChannel::epsv(&mut control);
    control.command("RETR f", 150);
    data.receive();
    control.expect(226);
    drop(control);
    let directory = place.stop();
    assert_eq!(told(directory.path()), [""; 0]);
}

#[test]
fn programs_that_hang_or_fail_delay_no_transfer() {
    for text in ["sleep 1000", "exit 3", "kill -9 $$"] {
        let place = Place::start(|directory, config| {
            config.events = Events {
                command: script(text, directory.path()),
                at_once: 1,
                // Shorter than the deadlines of the uploads, together; and so is the stop.
                time: Duration::from_millis(300),
                ..Events::default()
            };
        });
        let mut control = place.login();
        let begin = std::time::Instant::now();
        for _ in 0..8 {
            upload(&mut control, "f", b"content");
        }
        assert!(begin.elapsed() < DEADLINE);
        drop(control);
        place.stop();
    }
}

#[test]
fn so_many_programs_run_at_once_and_no_more() {
    // Each leaves a file while it runs, and counts those that there are.
    let count = "cd \"$1\" && : > $$.running && sleep 0.2 && \
                 set -- *.running && echo count=$# > $$.told; rm $$.running";
    let place = Place::start(|directory, config| {
        config.events.command = script(count, directory.path());
        config.events.at_once = 3;
    });
    let mut control = place.login();
    for _ in 0..9 {
        upload(&mut control, "f", b"x");
    }
    drop(control);
    until("all of them", || {
        (told(place.directory.path()).len() == 9).then_some(())
    });
    let directory = place.stop();
    for told in told(directory.path()) {
        let count: usize = value(&told, "count").unwrap().parse().unwrap();
        assert!((1..=3).contains(&count), "{count}");
    }
}

#[test]
fn a_socket_is_told_in_json() {
    let listeners = tempfile::tempdir().unwrap();
    let path = listeners.path().join("events");
    let listener = UnixDatagram::bind(&path).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    let place = Place::start(|_, config| {
        config.events.socket = Some(path.clone());
        config.events.digest = cfg!(feature = "digests");
    });
    let mut control = place.login();
    let mut buffer = [0; 4096];
    for name in ["first", "second"] {
        upload(&mut control, name, b"abc");
        let count = listener.recv(&mut buffer).unwrap();
        let event: Value = serde_json::from_slice(&buffer[..count]).unwrap();
        assert_eq!(event["path"], format!("/{name}"));
        assert_eq!(event["bytes"], 3);
        assert_eq!(event["outcome"], "complete");
        let has_digest = event.get("sha256").is_some();
        assert_eq!(has_digest, cfg!(feature = "digests"));
    }
    drop(listener);
    upload(&mut control, "unheard", b"abc");
    drop(control);
    place.stop();
}

#[test]
fn what_cannot_be_is_no_start() {
    let refused = refusal(|_, config| config.events.command = vec!["/dev/null/missing".into()]);
    assert!(refused.contains("/dev/null/missing"), "{refused}");
    let refused = refusal(|_, config| config.events.command = vec!["sh".into()]);
    assert!(refused.contains("absolute"), "{refused}");
}

#[cfg(not(feature = "digests"))]
#[test]
fn a_digest_needs_the_feature() {
    let refused = refusal(|_, config| {
        config.events.socket = Some("/nowhere".into());
        config.events.digest = true;
    });
    assert!(refused.contains("--features digests"), "{refused}");
}
