//! Which connection of an upload ends first, and what is whole then (the table of
//! `src/reactor/upload_end.rs`). RFC 959 §3.4.
//!
//! The clients here end in ways that a client without QUIT, or one that was killed, ends; none
//! waits for the 226.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use mioftpd::limits::END_PAUSE;
use support::{Control, Server, Starter, abort_connection, end_connection, mostly, until};

/// Few enough that the client's system has them sent before the connection ends.
const SMALL: usize = 16_000;

fn old_file(root: &Path) {
    fs::write(root.join("f"), "old").unwrap();
}

/// An upload to `f` that is begun, and these bytes sent.
fn sent(server: &Server, setting: &[&str], bytes: &[u8]) -> (Control, TcpStream) {
    let mut control = server.login();
    for command in setting {
        control.command(command, 200);
    }
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(bytes).unwrap();
    (control, data)
}

/// The session is over, and its upload with it; what has the name then.
fn left(server: &Server, peer: std::net::SocketAddr) -> Vec<u8> {
    server.wait_for_log(&format!("{peer} disconnected"));
    until("the temporary file to go", || {
        (server.names() == ["f"]).then_some(())
    });
    fs::read(server.file("f")).unwrap()
}

fn reset(control: &Control) {
    abort_connection(control.socket().try_clone().unwrap());
}

#[test]
fn upload_that_ends_just_before_its_control_connection_is_whole() {
    for (workers, resets) in [("0", false), ("2", false), ("2", true)] {
        let server = Starter::default().argument("--writable");
        let server = server.argument("--workers").argument(workers);
        let server = server.serving(old_file).start();
        mostly(|round| {
            let bytes = vec![b'0' + round; SMALL];
            let (control, data) = sent(&server, &["TYPE I"], &bytes);
            let peer = control.local();
            end_connection(data);
            if resets {
                reset(&control);
            } else {
                control.close();
            }
            left(&server, peer) == bytes
        });
    }
}

#[test]
fn upload_that_ends_after_its_control_connection_is_cut() {
    for resets in [false, true] {
        let server = Server::writable(old_file);
        mostly(|_| {
            old_file(server.root());
            let (control, data) = sent(&server, &["TYPE I"], &[b'n'; SMALL]);
            let peer = control.local();
            // While the server still writes the 150, its system does not look at what comes behind it.
            server.login().command("NOOP", 200);
            if resets {
                reset(&control);
            } else {
                control.close();
            }
            end_connection(data);
            left(&server, peer) == b"old"
        });
    }
}

/// As the system does for a client that is killed while it waits for more to send.
#[test]
fn upload_that_pauses_and_then_ends_with_its_control_connection_is_cut() {
    let server = Server::writable(old_file);
    mostly(|_| {
        old_file(server.root());
        let (control, data) = sent(&server, &["TYPE I"], &[b'n'; SMALL]);
        let peer = control.local();
        std::thread::sleep(END_PAUSE * 2);
        end_connection(data);
        control.close();
        left(&server, peer) == b"old"
    });
}

#[test]
fn upload_that_announces_its_end_is_whole_whatever_the_control_connection_does() {
    for resets in [false, true] {
        let server = Server::writable(old_file);
        // MODE B: a block of the first half; one of the second, which is the last (RFC 959 §3.4.2).
        let (control, mut data) = sent(&server, &["TYPE I", "MODE B"], b"\x00\x00\x03new");
        let peer = control.local();
        if resets {
            reset(&control);
        } else {
            control.socket().shutdown(Shutdown::Write).unwrap();
        }
        // The end of the control connection is met for itself.
        server.login().command("NOOP", 200);
        data.write_all(b"\x40\x00\x03end").unwrap();
        end_connection(data);
        assert_eq!(left(&server, peer), b"newend");
    }
}

#[test]
fn upload_that_should_announce_its_end_and_does_not_is_cut() {
    let server = Server::writable(old_file);
    let (control, data) = sent(&server, &["TYPE I", "MODE B"], b"\x00\x00\x03new");
    let peer = control.local();
    end_connection(data);
    control.close();
    assert_eq!(left(&server, peer), b"old");
}

/// The last bytes may take their time; nothing is amiss if the control connection stays.
#[test]
fn upload_that_pauses_and_then_ends_alone_is_whole() {
    let server = Server::writable(old_file);
    let bytes = vec![b'n'; SMALL];
    let (mut control, data) = sent(&server, &["TYPE I"], &bytes);
    std::thread::sleep(END_PAUSE * 2);
    end_connection(data);
    control.expect(226);
    assert!(fs::read(server.file("f")).unwrap() == bytes);
    // And where the control connection ends a moment later, it was killed slowly.
    mostly(|_| {
        old_file(server.root());
        let (control, data) = sent(&server, &["TYPE I"], b"cut");
        let peer = control.local();
        std::thread::sleep(END_PAUSE * 2);
        end_connection(data);
        std::thread::sleep(END_PAUSE / 5);
        control.close();
        left(&server, peer) == b"old"
    });
}
