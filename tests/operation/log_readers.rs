//! The format of a log line, and the log's pipe: if it is full or closed, neither clients nor the exit
//! have to wait. `MIOFTPD_TEST_SERVER` may be a program that ends at a panic: the same holds for it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Stdio};

use crate::support::{Control, Server, mioftpd, until};
use rustix::process::{Pid, Signal, kill_process};

/// Far more lines than a pipe and the log queue hold.
const COMMANDS: usize = 5000;

/// A server, its log, read up to the line that it serves, and a client.
fn start() -> (Child, BufReader<ChildStderr>, Control) {
    let mut child = mioftpd(["--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Start serving at ") {
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "{line}");
    }
    let (_, address) = line.split_once("Start serving at ").unwrap();
    let control = Control::connect(address.trim().parse().unwrap());
    (child, log, control)
}

fn serves_and_stops(mut child: Child, mut control: Control) {
    for _ in 0..COMMANDS {
        control.command("NOOP", 200);
    }
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).unwrap();
    control.expect(421);
    drop(control);
    let status = until("the exit", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

#[test]
fn unread_log_pipe_blocks_no_client() {
    let (child, log, control) = start();
    serves_and_stops(child, control);
    drop(log);
}

#[test]
fn closed_log_pipe_is_ignored() {
    let (child, log, control) = start();
    drop(log);
    serves_and_stops(child, control);
}

#[test]
fn log_line_is_time_level_target_and_text() {
    let server = Server::control_only();
    let line = server.wait_for_log("Start serving at ");
    let (time, rest) = line.split_once(' ').unwrap();
    let shape = time.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
    let text = format!("Start serving at {}", server.address());
    assert_eq!(rest, format!("INFO  [mioftpd::server::listening] {text}"));
}
