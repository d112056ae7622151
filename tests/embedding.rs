//! The server as a part of another program: it runs in a thread and is stopped by its handle.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::mpsc;

use mioftpd::config::Config;
use mioftpd::limits::Timings;
use mioftpd::{Handle, Server};
use support::{Control, DEADLINE};

/// A running server; what says when it has ended.
fn start(config: Config) -> (Control, Handle, mpsc::Receiver<bool>) {
    let mut server = Server::bind(Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        timings: Timings {
            grace: DEADLINE * 100,
            ..Timings::default()
        },
        ..config
    })
    .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(server.run().is_ok()));
    (Control::connect(address), handle, ended)
}

fn has_ended(ended: &mpsc::Receiver<bool>) {
    assert_eq!(ended.recv_timeout(DEADLINE), Ok(true));
}

#[test]
fn a_stop_without_clients_is_a_stop_at_once() {
    let (mut control, handle, ended) = start(Config::default());
    control.command("QUIT", 221);
    drop(control);
    handle.stop();
    has_ended(&ended);
}

#[test]
fn clients_hear_of_a_stop() {
    let (mut control, handle, ended) = start(Config::default());
    handle.stop();
    control.expect(421);
    control.expect_end();
    drop(control);
    has_ended(&ended);
}

#[test]
fn a_second_stop_waits_for_no_transfer() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "content").unwrap();
    let (mut control, handle, ended) = start(Config {
        root: Some(directory.path().into()),
        ..Config::default()
    });
    control.log_in("anonymous", "x");
    support::epsv_port(&mut control);
    control.command("RETR f", 150);
    handle.stop();
    control.command("STAT", 211);
    handle.stop();
    has_ended(&ended);
}
