//! Transfers that are aborted, reset, followed by QUIT, or lose their control connection (RFC 959 §4.1.3
//! ABOR, §5.4).
//!
//! Only a complete transfer has a 226; an upload that is cut leaves the old file unchanged and no temporary
//! file.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use crate::support::{
    Control, DataChannel, Server, Starter, abort_connection, mostly, read_all, send_urgent,
    uninterrupted,
};

/// More than all socket buffers hold; a sparse file.
const BIG: u64 = 256 * 1024 * 1024;

fn big_and_small(root: &Path) {
    File::create(root.join("big"))
        .unwrap()
        .set_len(BIG)
        .unwrap();
    fs::write(root.join("small"), "content").unwrap();
}

/// A download of the big file, which the client does not read.
fn stalled(server: &Server) -> (Control, TcpStream) {
    let mut control = server.login();
    let data = control.passive().stream();
    control.command("RETR big", 150);
    (control, data)
}

/// The session still works.
fn expect_usable(mut control: Control) {
    control.command("NOOP", 200);
    assert_eq!(control.retrieve("small"), b"content");
    control.command("QUIT", 221);
    control.expect_end();
}

/// Reads to the end or the reset; the number of bytes.
fn drain(mut data: TcpStream) -> u64 {
    let (mut buffer, mut total) = (vec![0; 1 << 20], 0);
    while let Ok(count @ 1..) = uninterrupted(|| data.read(&mut buffer)) {
        total += count as u64;
    }
    total
}

/// The directory has the old content of `f` and nothing else.
fn expect_unchanged(server: &Server) {
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    assert_eq!(server.names(), ["f"], "a temporary file is left");
}

fn old_file(root: &Path) {
    fs::write(root.join("f"), "old").unwrap();
}

/// An upload to `f` with 100,000 bytes sent.
fn partial_upload(server: &Server) -> (Control, TcpStream) {
    let mut control = server.login();
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    data.write_all(&vec![b'n'; 100_000]).unwrap();
    (control, data)
}

#[test]
fn abor_aborts_a_stalled_download_at_once() {
    let server = Server::read_only(big_and_small);
    let (mut control, data) = stalled(&server);
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    assert!(drain(data) < BIG, "the whole file came after ABOR");
    expect_usable(control);
}

#[test]
fn abor_after_telnet_interrupt_aborts() {
    let server = Server::read_only(big_and_small);
    let (mut control, data) = stalled(&server);
    control.send_raw(b"\xff\xf4\xff\xf2ABOR\r\n");
    control.expect(426);
    control.expect(226);
    drop(data);
    expect_usable(control);
}

#[test]
fn abor_as_urgent_data_aborts() {
    let server = Server::read_only(big_and_small);
    // The Synch as clients send it (RFC 854): its last byte urgent; or the whole command.
    for (urgent, plain) in [
        (&b"\xff\xf4\xff\xf2"[..], &b"ABOR\r\n"[..]),
        (b"\xff\xf4\xff", b"\xf2ABOR\r\n"),
        (b"ABOR\r\n", b""),
    ] {
        let (mut control, data) = stalled(&server);
        send_urgent(control.socket(), urgent);
        control.send_raw(plain);
        control.expect(426);
        control.expect(226);
        drop(data);
        expect_usable(control);
    }
}

#[test]
fn abor_after_the_last_byte_keeps_the_transfer() {
    let server = Server::read_only(big_and_small);
    let mut control = server.login();
    for _ in 0..20 {
        let data = control.passive();
        control.send_raw(b"RETR small\r\nABOR\r\n");
        control.expect(150);
        let bytes = drain(data.stream());
        // Either the transfer is aborted or it is complete: never both, never neither.
        let codes = [control.reply().code, control.reply().code];
        match codes {
            [426, 226] => {}
            [226, 225 | 226] => assert_eq!(bytes, 7),
            _ => panic!("{codes:?} for ABOR"),
        }
    }
    expect_usable(control);
}

#[test]
fn aborted_upload_keeps_the_old_file() {
    let server = Server::writable(old_file);
    let (mut control, data) = partial_upload(&server);
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    expect_unchanged(&server);
    drop(data);
    control.store("f", b"new");
    assert_eq!(fs::read(server.file("f")).unwrap(), b"new");
}

#[test]
fn stat_is_answered_during_and_noop_after_a_transfer() {
    let server = Server::read_only(big_and_small);
    let (mut control, data) = stalled(&server);
    for _ in 0..3 {
        control.command("STAT", 211);
    }
    control.send("NOOP");
    assert_eq!(drain(data), BIG);
    control.expect(226);
    control.expect(200);
    expect_usable(control);
}

#[test]
fn stat_does_not_overtake_an_overlong_line() {
    let server = Server::read_only(big_and_small);
    for length in [4097, 9000] {
        let (mut control, data) = stalled(&server);
        let line = vec![b'x'; length];
        control.send_raw(&[&line, &b"\r\nSTAT\r\nNOOP\r\nABOR\r\n"[..]].concat());
        control.expect(426);
        control.expect(500);
        control.expect(211);
        control.expect(200);
        control.expect(226);
        drop(data);
        expect_usable(control);
    }
}

#[test]
fn quit_waits_for_the_download() {
    let server = Server::read_only(big_and_small);
    let (mut control, data) = stalled(&server);
    control.send("QUIT");
    assert_eq!(drain(data), BIG);
    control.expect(226);
    control.expect(221);
    control.expect_end();
}

#[test]
fn quit_waits_for_the_upload() {
    let server = Server::writable(old_file);
    let (mut control, mut data) = partial_upload(&server);
    control.send("QUIT");
    data.write_all(b"end").unwrap();
    drop(data);
    control.expect(226);
    control.expect(221);
    control.expect_end();
    assert_eq!(fs::read(server.file("f")).unwrap().len(), 100_003);
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn reset_download_has_no_226() {
    let server = Server::read_only(big_and_small);
    let (mut control, data) = stalled(&server);
    abort_connection(data);
    control.expect_one_of(&[426, 451]);
    expect_usable(control);
}

#[test]
fn reset_upload_keeps_the_old_file() {
    let server = Server::writable(old_file);
    let (mut control, data) = partial_upload(&server);
    abort_connection(data);
    control.expect_one_of(&[426, 451]);
    expect_unchanged(&server);
    control.store("f", b"new");
    assert_eq!(fs::read(server.file("f")).unwrap(), b"new");
}

#[test]
fn reset_control_connection_discards_the_upload() {
    let server = Server::writable(old_file);
    let (control, mut data) = partial_upload(&server);
    let peer = control.local();
    abort_connection(control.socket().try_clone().unwrap());
    server.wait_for_log(&format!("{peer} disconnected"));
    // The data connection is closed too: a write into it fails eventually.
    crate::support::until("the data connection to be cut", || {
        data.write_all(b"more").err()
    });
    crate::support::until("the temporary file to go", || {
        (server.names() == ["f"]).then_some(())
    });
    expect_unchanged(&server);
}

/// Ends the client's side of the control connection, and then the upload.
fn end_both_sides(control: &Control, data: TcpStream) {
    control.socket().shutdown(Shutdown::Write).unwrap();
    drop(data);
}

#[test]
fn half_close_without_quit_discards_the_upload() {
    for last_words in ["", "NOOP\r\n", "QUIT now\r\n", "QUIT"] {
        let server = Server::writable(old_file);
        let (mut control, data) = partial_upload(&server);
        control.send_raw(last_words.as_bytes());
        end_both_sides(&control, data);
        control.expect(426);
        expect_unchanged(&server);
    }
}

#[test]
fn half_close_after_quit_keeps_the_upload() {
    for last_words in ["QUIT\r\n", "noop\r\nquit\r\n"] {
        let server = Server::writable(old_file);
        let (mut control, data) = partial_upload(&server);
        control.send_raw(last_words.as_bytes());
        end_both_sides(&control, data);
        control.expect(226);
        if last_words.starts_with('n') {
            control.expect(200);
        }
        control.expect(221);
        control.expect_end();
        assert_eq!(fs::read(server.file("f")).unwrap(), vec![b'n'; 100_000]);
        assert_eq!(server.names(), ["f"], "a temporary file is left");
    }
}

#[test]
fn reset_after_quit_discards_the_upload() {
    for half_closes in [false, true] {
        let server = Server::writable(old_file);
        mostly(|_| {
            old_file(server.root());
            let (mut control, data) = partial_upload(&server);
            let peer = control.local();
            control.send("QUIT");
            if half_closes {
                control.socket().shutdown(Shutdown::Write).unwrap();
                // The server reads the half-close before the reset arrives.
                server.login().command("NOOP", 200);
            }
            abort_connection(control.socket().try_clone().unwrap());
            drop(data);
            server.wait_for_log(&format!("{peer} disconnected"));
            crate::support::until("the temporary file to go", || {
                (server.names() == ["f"]).then_some(())
            });
            fs::read(server.file("f")).unwrap() == b"old"
        });
    }
}

#[test]
fn closed_control_connection_ends_the_download() {
    let starter = Starter::default().observable();
    let server = starter.serving(big_and_small).start();
    let before = server.descriptors();
    for _ in 0..20 {
        let (control, data) = stalled(&server);
        drop((control, data));
    }
    let mut control = server.login();
    crate::support::until("the descriptors to be closed", || {
        control.command("NOOP", 200);
        (server.descriptors() <= before + 2).then_some(())
    });
}

#[test]
fn upload_is_visible_only_when_complete() {
    let server = Server::writable(|_| ());
    let (mut control, data) = partial_upload(&server);
    let mut other = server.login();
    other.command("SIZE f", 550);
    let listing = other.passive();
    other.command("NLST", 150);
    assert_eq!(listing.receive(), b"");
    other.expect(226);
    drop(data);
    control.expect(226);
    assert_eq!(other.command("SIZE f", 213).text(), "100000");
    assert_eq!(server.names(), ["f"]);
}

#[test]
fn refused_active_connection_is_425() {
    let server = Server::read_only(big_and_small);
    let mut control = server.login();
    DataChannel::port(&mut control).refuse();
    control.send("RETR small");
    let first = control.reply().code;
    if first == 150 {
        control.expect_one_of(&[425, 426]);
    } else {
        assert_eq!(first, 425);
    }
    expect_usable(control);
}

#[test]
fn abor_before_the_data_connection() {
    let server = Server::read_only(big_and_small);
    let mut control = server.login();
    crate::support::epsv_port(&mut control);
    control.command("RETR small", 150);
    control.send("ABOR");
    control.expect_one_of(&[425, 426]);
    control.expect(226);
    expect_usable(control);
}

#[test]
fn sigterm_waits_for_the_transfer() {
    let mut server = Server::read_only(big_and_small);
    let (mut control, mut data) = stalled(&server);
    let mut idle = server.connect();
    server.terminate();
    idle.expect(421);
    assert_eq!(read_all(&mut data).len() as u64, BIG);
    control.expect(226);
    control.expect(421);
    control.expect_end();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn second_sigterm_leaves_no_partial_upload() {
    let mut server = Server::writable(old_file);
    let (_control, _data) = partial_upload(&server);
    server.terminate();
    server.wait_for_log("Stopping");
    server.terminate();
    assert!(server.wait().success());
    expect_unchanged(&server);
}
