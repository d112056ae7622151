//! Whether an upload is complete or cut, by the order in which its two connections end (the table of
//! `src/reactor/upload_end.rs`). RFC 959 §3.4.
//!
//! The clients end without QUIT, or as a killed client does; none waits for the 226.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use crate::support::{Control, Server, Starter, abort_connection, end_connection, mostly, until};
use mioftpd::internals::limits::UPLOAD_END_PAUSE;

/// Few enough bytes to be sent before the connection ends.
const SMALL: usize = 16_000;

fn old_file(root: &Path) {
    fs::write(root.join("f"), "old").unwrap();
}

/// An upload to `f` with these bytes sent.
fn begin_upload(server: &Server, setting: &[&str], bytes: &[u8]) -> (Control, TcpStream) {
    let mut control = server.login();
    for command in setting {
        control.command(command, 200);
    }
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(bytes).unwrap();
    (control, data)
}

/// Waits for the end of the session and of its upload; the content of `f` then.
fn final_content(server: &Server, peer: std::net::SocketAddr) -> Vec<u8> {
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
fn upload_end_before_control_end_is_complete() {
    for (workers, resets) in [("0", false), ("2", false), ("2", true)] {
        let server = Starter::default().argument("--writable");
        let server = server.argument("--workers").argument(workers);
        let server = server.serving(old_file).start();
        mostly(|round| {
            let bytes = vec![b'0' + round; SMALL];
            let (control, data) = begin_upload(&server, &["TYPE I"], &bytes);
            let peer = control.local();
            end_connection(data);
            if resets {
                reset(&control);
            } else {
                control.close();
            }
            final_content(&server, peer) == bytes
        });
    }
}

#[test]
fn upload_end_after_control_end_is_cut() {
    for resets in [false, true] {
        let server = Server::writable(old_file);
        mostly(|_| {
            old_file(server.root());
            let (control, data) = begin_upload(&server, &["TYPE I"], &[b'n'; SMALL]);
            let peer = control.local();
            // A round trip, so that the server has sent the 150 and can detect the end.
            server.login().command("NOOP", 200);
            if resets {
                reset(&control);
            } else {
                control.close();
            }
            end_connection(data);
            final_content(&server, peer) == b"old"
        });
    }
}

/// As the kernel closes the sockets of a client that is killed while it waits for more data.
#[test]
fn paused_upload_that_ends_with_control_is_cut() {
    let server = Server::writable(old_file);
    mostly(|_| {
        old_file(server.root());
        let (control, data) = begin_upload(&server, &["TYPE I"], &[b'n'; SMALL]);
        let peer = control.local();
        // Much longer, since the server sees it shorter by what it is late.
        std::thread::sleep(UPLOAD_END_PAUSE * 20);
        end_connection(data);
        control.close();
        final_content(&server, peer) == b"old"
    });
}

#[test]
fn announced_upload_end_is_complete_despite_control_end() {
    for resets in [false, true] {
        let server = Server::writable(old_file);
        // MODE B: a block, and later a block with the EOF flag (RFC 959 §3.4.2).
        let (control, mut data) = begin_upload(&server, &["TYPE I", "MODE B"], b"\x00\x00\x03new");
        let peer = control.local();
        if resets {
            reset(&control);
        } else {
            control.socket().shutdown(Shutdown::Write).unwrap();
        }
        // The server reads the end of the control connection first.
        server.login().command("NOOP", 200);
        data.write_all(b"\x40\x00\x03end").unwrap();
        end_connection(data);
        assert_eq!(final_content(&server, peer), b"newend");
    }
}

#[test]
fn unannounced_upload_end_in_mode_b_is_cut() {
    let server = Server::writable(old_file);
    let (control, data) = begin_upload(&server, &["TYPE I", "MODE B"], b"\x00\x00\x03new");
    let peer = control.local();
    end_connection(data);
    control.close();
    assert_eq!(final_content(&server, peer), b"old");
}

/// A pause before the end is no error while the control connection stays open. `reactor::channels::late_ends`
/// has a control connection that ends soon after, on a clock of its own.
#[test]
fn paused_upload_that_ends_alone_is_complete() {
    let server = Server::writable(old_file);
    let bytes = vec![b'n'; SMALL];
    let (mut control, data) = begin_upload(&server, &["TYPE I"], &bytes);
    std::thread::sleep(UPLOAD_END_PAUSE * 2);
    end_connection(data);
    control.expect(226);
    assert!(fs::read(server.file("f")).unwrap() == bytes);
}
