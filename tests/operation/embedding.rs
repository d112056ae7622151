//! The server embedded in another program: it runs in a thread and is stopped by its handle.

use std::sync::mpsc;

use crate::support::{Control, DEADLINE};
use mioftpd::{Config, Handle, Outcome, Server, Timings, Verb};

/// A client of a running server, its handle, and a channel that receives when it has ended.
fn start(config: Config) -> (Control, Handle, mpsc::Receiver<bool>) {
    serve(bind(config))
}

fn bind(config: Config) -> Server {
    Server::bind(Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        timings: Timings {
            grace: DEADLINE * 100,
            ..Timings::default()
        },
        ..config
    })
    .unwrap()
}

fn serve(mut server: Server) -> (Control, Handle, mpsc::Receiver<bool>) {
    let (address, handle) = (server.addresses()[0], server.handle());
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(server.run().is_ok()));
    (Control::connect(address), handle, ended)
}

fn has_ended(ended: &mpsc::Receiver<bool>) {
    assert_eq!(ended.recv_timeout(DEADLINE), Ok(true));
}

#[test]
fn stop_without_clients_is_immediate() {
    let (mut control, handle, ended) = start(Config::default());
    control.command("QUIT", 221);
    drop(control);
    handle.stop();
    has_ended(&ended);
}

#[test]
fn idle_clients_get_421_at_a_stop() {
    let (mut control, handle, ended) = start(Config::default());
    handle.stop();
    control.expect(421);
    control.expect_end();
    drop(control);
    has_ended(&ended);
}

#[test]
fn second_stop_cuts_transfers() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "content").unwrap();
    let (mut control, handle, ended) = start(Config {
        root: Some(directory.path().into()),
        ..Config::default()
    });
    control.log_in("anonymous", "x");
    crate::support::epsv_port(&mut control);
    control.command("RETR f", 150);
    handle.stop();
    control.command("STAT", 211);
    handle.stop();
    has_ended(&ended);
}

#[test]
fn subscriber_gets_one_record_per_transfer() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("f"), "content").unwrap();
    let mut server = bind(Config {
        root: Some(directory.path().into()),
        ..Config::default()
    });
    let records = server.subscribe(8);
    let (mut control, handle, ended) = serve(server);
    control.log_in("anonymous", "x");
    // Refused before a 150, so it is not a transfer.
    crate::support::epsv_port(&mut control);
    control.command("RETR none", 550);
    let content = control.retrieve("f");
    control.command("QUIT", 221);
    drop(control);
    handle.stop();
    has_ended(&ended);
    let record = records.wait().unwrap();
    assert_eq!(content, b"content");
    assert_eq!((record.verb, record.bytes), (Verb::Retrieve, 7));
    assert_eq!(record.outcome, Outcome::Complete);
    assert_eq!(record.path.to_bytes(), b"/f");
    assert!(records.wait().is_none());
    assert_eq!(records.lost(), 0);
}

#[test]
fn activity_counts_turns_and_commands() {
    let mut server = bind(Config::default());
    assert_eq!(*server.activity(), mioftpd::Activity::default());
    let mut client = std::net::TcpStream::connect(server.addresses()[0]).unwrap();
    std::io::Write::write_all(&mut client, b"NOOP\r\nNOOP\r\n").unwrap();
    while server.activity().commands < 2 {
        server.turn(Some(DEADLINE)).unwrap();
    }
    let activity = server.activity();
    assert!(activity.control_turns >= 1);
    assert_eq!((activity.data_turns, activity.early), (0, 0));
    // The client's idle time-out.
    assert_eq!(activity.timers, 1);
}
