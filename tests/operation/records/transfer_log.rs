//! The transfer log: a line for each outcome, rotation by SIGHUP, and errors.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use mioftpd::{TransferLog, TransferLogFormat};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

use super::{TestServer, bind_error, upload};
use crate::support::{Control, DataChannel, abort_connection, epsv_port, uninterrupted, until};

/// More than the socket buffers hold.
const LARGE: usize = 16 * 1024 * 1024;

fn log(directory: &Path, name: &str, format: TransferLogFormat) -> TransferLog {
    TransferLog {
        file: directory.join(name),
        format,
    }
}

fn start() -> TestServer {
    TestServer::start(|directory, config| {
        fs::write(directory.path().join("files/large"), vec![0; LARGE]).unwrap();
        fs::write(directory.path().join("files/small"), "small").unwrap();
        config.transfer_logs = [
            ("log.json", TransferLogFormat::Json),
            ("xferlog", TransferLogFormat::Xferlog),
        ]
        .map(|(name, format)| log(directory.path(), name, format))
        .to_vec();
        config.timings.data_connect = std::time::Duration::from_millis(200);
    })
}

/// Begins an upload and ends its control connection.
fn abandon(server: &TestServer, name: &str, end: fn(Control)) {
    let mut control = server.login();
    let mut data = DataChannel::epsv(&mut control).stream();
    control.command(&format!("STOR {name}"), 150);
    data.write_all(b"some").unwrap();
    end(control);
    // The transfer has ended when its connection has: with an end or a reset.
    let _ = uninterrupted(|| data.read(&mut [0]));
}

fn reset(control: Control) {
    // The option applies to the socket, so also to the last handle, dropped here.
    abort_connection(control.socket().try_clone().unwrap());
    drop(control);
}

/// Verb, outcome and bytes by path, from the lines of JSON.
fn outcomes(text: &str) -> BTreeMap<String, (String, String, u64)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["account"], "anonymous");
        assert_eq!(line["tls"], false);
        assert!(line["seconds"].as_f64().unwrap() >= 0.0);
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
        let bytes = line["bytes"].as_u64().unwrap();
        (
            word(&line["path"]),
            (word(&line["verb"]), word(&line["outcome"]), bytes),
        )
    });
    let count = text.lines().count();
    let outcomes: BTreeMap<_, _> = lines.collect();
    assert_eq!(outcomes.len(), count, "{text}");
    outcomes
}

#[test]
fn every_transfer_outcome_is_logged() {
    let server = start();
    let mut control = server.login();
    upload(&mut control, "a file", b"content");
    let data = DataChannel::epsv(&mut control);
    control.command("RETR small", 150);
    assert_eq!(data.receive(), b"small");
    control.expect(226);
    let data = DataChannel::epsv(&mut control);
    control.command("APPE longer", 150);
    data.send(b"more");
    control.expect(226);
    upload(&mut control, "unique", b"x");
    let data = DataChannel::epsv(&mut control);
    let reply = control.command("STOU unique", 150);
    let stou_path = reply.text().replace("FILE: ", "/");
    data.send(b"xy");
    control.expect(226);
    // A listing and a refused command: not logged.
    let data = DataChannel::epsv(&mut control);
    control.command("LIST", 150);
    data.receive();
    control.expect(226);
    epsv_port(&mut control);
    control.command("RETR missing", 550);
    // Failures of each kind.
    let mut data = DataChannel::epsv(&mut control).stream();
    control.command("STOR aborted", 150);
    data.write_all(b"four").unwrap();
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    let data = DataChannel::epsv(&mut control).stream();
    control.command("RETR large", 150);
    abort_connection(data);
    control.expect(426);
    epsv_port(&mut control);
    control.command("STOR unconnected", 150);
    control.expect(425);
    abandon(&server, "half-closed", drop);
    abandon(&server, "reset", reset);
    let directory = server.stop();

    let text = fs::read_to_string(directory.path().join("log.json")).unwrap();
    let outcomes = outcomes(&text);
    let of = |path: &str| {
        let (verb, outcome, bytes) = &outcomes[path];
        (verb.as_str(), outcome.as_str(), *bytes)
    };
    assert_eq!(of("/a file"), ("STOR", "complete", 7));
    assert_eq!(of("/small"), ("RETR", "complete", 5));
    assert_eq!(of("/longer"), ("APPE", "complete", 4));
    assert_eq!(of("/unique"), ("STOR", "complete", 1));
    assert_eq!(of(&stou_path), ("STOU", "complete", 2));
    let (verb, outcome, bytes) = of("/aborted");
    assert_eq!((verb, outcome), ("STOR", "aborted"));
    assert!(bytes <= 4);
    assert_eq!((of("/large").0, of("/large").1), ("RETR", "cut"));
    assert_eq!(of("/unconnected"), ("STOR", "not-connected", 0));
    assert_eq!(of("/half-closed").1, "abandoned");
    assert_eq!(of("/reset").1, "abandoned");
    assert_eq!(outcomes.len(), 10);

    let xferlog = fs::read_to_string(directory.path().join("xferlog")).unwrap();
    assert_eq!(xferlog.lines().count(), 10);
    let line = xferlog.lines().next().unwrap();
    let end = " 127.0.0.1 7 /a_file b _ i a anonymous ftp 0 * c";
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn reset_during_download_is_logged_as_abandoned() {
    let server = start();
    let mut control = server.login();
    let data = DataChannel::epsv(&mut control).stream();
    control.command("RETR large", 150);
    reset(control);
    until("the line", || {
        let text = fs::read_to_string(server.path("log.json")).unwrap();
        text.contains("\"outcome\":\"abandoned\"").then_some(())
    });
    drop(data);
    let directory = server.stop();
    let text = fs::read_to_string(directory.path().join("log.json")).unwrap();
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn renamed_log_is_reopened_on_sighup() {
    let server = start();
    let mut control = server.login();
    upload(&mut control, "first", b"1");
    let names = ["log.json", "xferlog"].map(|name| server.path(name));
    for name in &names {
        until("the first line", || {
            (fs::read(name).unwrap() != b"").then_some(())
        });
        fs::rename(name, name.with_extension("1")).unwrap();
    }
    kill_process(getpid(), Signal::HUP).unwrap();
    for name in &names {
        until("a new file", || fs::metadata(name).ok());
    }
    upload(&mut control, "second", b"2");
    drop(control);
    server.handle.stop();
    server.serving.join().unwrap();
    for name in &names {
        let read = |name: &Path| fs::read_to_string(name).unwrap();
        let (old, new) = (read(&name.with_extension("1")), read(name));
        assert!(old.contains("/first") && !old.contains("/second"), "{old}");
        assert!(new.contains("/second") && !new.contains("/first"), "{new}");
    }
}

#[test]
fn log_that_cannot_be_opened_fails_at_startup() {
    let error = bind_error(|directory, config| {
        config.transfer_logs = vec![log(
            directory.path(),
            "missing/log",
            TransferLogFormat::Json,
        )];
    });
    assert!(error.contains("missing/log"), "{error}");
}

#[test]
fn write_error_of_a_log_delays_no_transfer() {
    let server = TestServer::start(|_, config| {
        config.transfer_logs = vec![log(Path::new("/dev"), "full", TransferLogFormat::Json)];
    });
    let mut control = server.login();
    for _ in 0..10 {
        upload(&mut control, "f", b"content");
    }
    drop(control);
    server.stop();
}
