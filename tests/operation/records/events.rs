//! Upload events: what the event command and the event socket get, and that neither delays a transfer.

use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use mioftpd::Events;
use serde_json::Value;

use super::{TestServer, bind_error, upload};
use crate::support::{DEADLINE, DataChannel, uninterrupted, until};

/// A shell script with the temporary directory as `$1`.
fn script(text: &str, directory: &Path) -> Vec<OsString> {
    let mut argv = ["/bin/sh", "-c", text, "sh"].map(OsString::from).to_vec();
    argv.push(directory.into());
    argv
}

/// Writes its environment to a file of its own, atomically.
const DUMP: &str = "cd \"$1\" && env > $$.tmp && mv $$.tmp $$.out";

/// The outputs of all event commands so far.
fn outputs(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let outputs = entries.filter(|path| path.extension().is_some_and(|e| e == "out"));
    outputs
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

fn value<'a>(environment: &'a str, name: &str) -> Option<&'a str> {
    let lines = environment.lines();
    lines
        .filter_map(|line| line.split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v)
}

#[test]
fn event_command_runs_for_complete_and_cut_uploads() {
    let server = TestServer::start(|directory, config| {
        config.events.command = script(DUMP, directory.path());
        config.events.digest = cfg!(feature = "digests");
    });
    let mut control = server.login();
    upload(&mut control, "whole", b"abc");
    let data = DataChannel::epsv(&mut control).stream();
    control.command("STOR cut", 150);
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    drop((data, control));
    let directory = server.stop();

    let outputs = outputs(directory.path());
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    let of = |path: &str| {
        let has_path = |text: &&String| value(text, "MIOFTPD_PATH") == Some(path);
        outputs.iter().find(has_path).unwrap()
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
fn file_names_inject_no_shell_commands() {
    let server = TestServer::start(|directory, config| {
        config.events.command = script(DUMP, directory.path());
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
    let mut control = server.login();
    for name in names {
        upload(&mut control, name, b"x");
    }
    drop(control);
    let directory = server.stop();
    let outputs = outputs(directory.path());
    assert_eq!(outputs.len(), names.len());
    for name in names {
        let path = format!("/{name}");
        let is_reported = outputs
            .iter()
            .any(|output| value(output, "MIOFTPD_PATH") == Some(&path));
        assert!(is_reported, "{name}: {outputs:?}");
    }
    assert!(!directory.path().join("injected").exists());
    assert!(!directory.path().join("files/injected").exists());
}

#[test]
fn downloads_send_no_events() {
    let server = TestServer::start(|directory, config| {
        fs::write(directory.path().join("files/f"), "x").unwrap();
        config.events.command = script(DUMP, directory.path());
    });
    let mut control = server.login();
    let data = DataChannel::epsv(&mut control);
    control.command("RETR f", 150);
    data.receive();
    control.expect(226);
    drop(control);
    let directory = server.stop();
    assert_eq!(outputs(directory.path()), [""; 0]);
}

#[test]
fn hanging_event_command_delays_no_transfer() {
    for text in ["sleep 1000", "exit 3", "kill -9 $$"] {
        let server = TestServer::start(|directory, config| {
            config.events = Events {
                command: script(text, directory.path()),
                at_once: 1,
                // All of these together, and the stop, take less than `DEADLINE`.
                time: Duration::from_millis(300),
                ..Events::default()
            };
        });
        let mut control = server.login();
        let begin = std::time::Instant::now();
        for _ in 0..8 {
            upload(&mut control, "f", b"content");
        }
        assert!(begin.elapsed() < DEADLINE);
        drop(control);
        server.stop();
    }
}

#[test]
fn concurrent_event_commands_are_limited() {
    // Each program has a file while it runs, and counts these files.
    let count = "cd \"$1\" && : > $$.running && sleep 0.2 && \
                 set -- *.running && echo count=$# > $$.out; rm $$.running";
    let server = TestServer::start(|directory, config| {
        config.events.command = script(count, directory.path());
        config.events.at_once = 3;
    });
    let mut control = server.login();
    for _ in 0..9 {
        upload(&mut control, "f", b"x");
    }
    drop(control);
    until("all outputs", || {
        (outputs(server.directory.path()).len() == 9).then_some(())
    });
    let directory = server.stop();
    for output in outputs(directory.path()) {
        let count: usize = value(&output, "count").unwrap().parse().unwrap();
        assert!((1..=3).contains(&count), "{count}");
    }
}

#[test]
fn event_socket_gets_json() {
    let listeners = tempfile::tempdir().unwrap();
    let path = listeners.path().join("events");
    let listener = UnixDatagram::bind(&path).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    let server = TestServer::start(|_, config| {
        config.events.socket = Some(path.clone());
        config.events.digest = cfg!(feature = "digests");
    });
    let mut control = server.login();
    let mut buffer = [0; 4096];
    for name in ["first", "second"] {
        upload(&mut control, name, b"abc");
        let count = uninterrupted(|| listener.recv(&mut buffer)).unwrap();
        let event: Value = serde_json::from_slice(&buffer[..count]).unwrap();
        assert_eq!(event["path"], format!("/{name}"));
        assert_eq!(event["bytes"], 3);
        assert_eq!(event["outcome"], "complete");
        let has_digest = event.get("sha256").is_some();
        assert_eq!(has_digest, cfg!(feature = "digests"));
    }
    drop(listener);
    upload(&mut control, "lost", b"abc");
    drop(control);
    server.stop();
}

#[test]
fn invalid_event_command_fails_at_startup() {
    let error = bind_error(|_, config| config.events.command = vec!["/dev/null/missing".into()]);
    assert!(error.contains("/dev/null/missing"), "{error}");
    let error = bind_error(|_, config| config.events.command = vec!["sh".into()]);
    assert!(error.contains("absolute"), "{error}");
}

#[cfg(not(feature = "digests"))]
#[test]
fn event_digest_needs_the_feature() {
    let error = bind_error(|_, config| {
        config.events.socket = Some("/nowhere".into());
        config.events.digest = true;
    });
    assert!(error.contains("--features digests"), "{error}");
}
