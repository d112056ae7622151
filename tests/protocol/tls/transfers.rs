//! Transfers over TLS data connections: complete, or failed. RFC 4217 §12.3, RFC 8446 §6.1.

use std::fs;
use std::io::{Read, Write};

use rustix::net::sockopt;

use super::{content, writable};
use crate::support::tls::{TlsClient, Version};
use crate::support::{Control, DataChannel, Server, uninterrupted};

#[test]
fn files_go_both_ways_in_every_tls_version() {
    let server = writable().listen("127.0.0.1:0");
    let server = server.listen_for_tls("127.0.0.1:0").start();
    let content = content(3_000_001);
    for version in Version::ALL {
        let client = TlsClient::of(version);
        let mut control = server.private(&client);
        control.store("f", &content);
        assert!(fs::read(server.file("f")).unwrap() == content);
        assert!(control.retrieve("f") == content);
        let data = DataChannel::port(&mut control);
        control.command("RETR f", 150);
        assert!(data.receive() == content);
        control.expect(226);
        let mut implicit = Control::implicit(server.secure_address(), &client);
        implicit.log_in("anonymous", "x");
        implicit.command("TYPE I", 200);
        assert!(implicit.retrieve("f") == content);
    }
}

/// Some clients close an upload without reading: unread bytes, such as tickets, would make the close a
/// reset, which discards data in flight.
#[test]
fn upload_by_client_that_reads_nothing_is_complete() {
    let server = writable().start();
    let content = content(3_000_001);
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for _ in 0..10 {
            let data = control.passive();
            control.command("STOR f", 150);
            let mut link = data.link();
            link.write_all(&content).unwrap();
            link.end().unwrap();
            drop(link);
            control.expect(226);
            assert!(fs::read(server.file("f")).unwrap() == content);
        }
    }
}

/// More than all socket buffers of the machine hold.
const BIG: u64 = 256 * 1024 * 1024;

/// A server with a file that does not fit the socket buffers.
fn with_big_file() -> Server {
    let server = writable().start();
    let file = fs::File::create(server.file("big")).unwrap();
    file.set_len(BIG).unwrap();
    server
}

#[test]
fn appe_and_rest_work_over_tls() {
    let server = writable().start();
    let content = content(500_000);
    for version in Version::ALL {
        fs::write(server.file("f"), &content[..200_000]).unwrap();
        let mut control = server.private(&TlsClient::of(version));
        let data = control.passive();
        control.command("APPE f", 150);
        data.send(&content[200_000..300_000]);
        control.expect(226);
        control.command("REST 299000", 350);
        control.store("f", &content[299_000..]);
        assert!(fs::read(server.file("f")).unwrap() == content);
        control.command("REST 123456", 350);
        assert!(control.retrieve("f") == content[123_456..]);
        control.command("REST 500000", 350);
        assert_eq!(control.retrieve("f"), b"");
    }
}

#[test]
fn abor_takes_effect_at_once_in_both_directions() {
    let server = with_big_file();
    fs::write(server.file("f"), "old").unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for _ in 0..3 {
            let data = control.passive();
            control.command("RETR big", 150);
            // The client reads no more.
            let mut link = data.link();
            link.read_exact(&mut [0; 1000]).unwrap();
            control.send("ABOR");
            control.expect(426);
            control.expect(226);
            assert!(
                link.read_to_end(&mut Vec::new()).is_err(),
                "the aborted download looks complete"
            );

            let data = control.passive();
            control.command("STOR f", 150);
            let mut link = data.link();
            link.write_all(b"new").unwrap();
            control.send("ABOR");
            control.expect(426);
            control.expect(226);
            assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
        }
        // Before the handshake too.
        let data = control.passive();
        control.command("RETR f", 150);
        control.send("ABOR");
        control.expect(426);
        control.expect(226);
        drop(data);
        assert_eq!(control.retrieve("f"), b"old");
    }
}

#[test]
fn quit_waits_for_the_transfer() {
    let server = writable().start();
    let content = content(3_000_000);
    fs::write(server.file("f"), &content).unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let data = control.passive();
        control.command("RETR f", 150);
        control.send("QUIT");
        assert!(data.receive() == content);
        control.expect(226);
        control.expect(221);
        control.expect_end();

        let mut control = server.private(&TlsClient::of(version));
        let data = control.passive();
        control.command("STOR g", 150);
        control.send("QUIT");
        data.send(&content);
        control.expect(226);
        control.expect(221);
        control.expect_end();
        assert!(fs::read(server.file("g")).unwrap() == content);
    }
}

#[test]
fn slow_client_with_small_buffers_gets_every_byte() {
    let server = writable().start();
    let content = content(2_000_003);
    fs::write(server.file("f"), &content).unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        let data = control.passive();
        control.command("RETR f", 150);
        let mut link = data.link();
        sockopt::set_socket_recv_buffer_size(link.socket(), 16 * 1024).unwrap();
        let mut received = Vec::new();
        // A size that does not divide the record size.
        let mut piece = vec![0; 3001];
        loop {
            match uninterrupted(|| link.read(&mut piece)).unwrap() {
                0 => break,
                count => received.extend_from_slice(&piece[..count]),
            }
        }
        assert!(received == content);
        control.expect(226);

        let data = control.passive();
        control.command("STOR g", 150);
        let mut link = data.link();
        link.socket().set_nodelay(true).unwrap();
        sockopt::set_socket_send_buffer_size(link.socket(), 16 * 1024).unwrap();
        // Many small records.
        for piece in content.chunks(777) {
            link.write_all(piece).unwrap();
        }
        link.finish().unwrap();
        control.expect(226);
        assert!(fs::read(server.file("g")).unwrap() == content);
    }
}

#[test]
fn stat_is_answered_during_a_stalled_download() {
    let server = with_big_file();
    let mut control = server.private(&TlsClient::new());
    let data = control.passive();
    control.command("RETR big", 150);
    let link = data.link();
    control.command("STAT", 211);
    control.command("STAT", 211);
    drop(link);
    control.expect(426);
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let server = writable().start();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for round in 0..20 {
            let one = |n| format!("MKD {round}-{n}\r\nNOOP\r\nRMD {round}-{n}\r\nPWD\r\n");
            let script: Vec<String> = (0..20).map(one).collect();
            control.send_raw(script.concat().as_bytes());
            for n in 0..20 {
                let made = control.expect(257);
                assert!(made.text().contains(&format!("/{round}-{n}")), "{made:?}");
                control.expect(200);
                control.expect(250);
                control.expect(257);
            }
        }
    }
}

/// More than the server buffers of pending commands, in as few records as possible.
#[test]
fn thirty_thousand_bytes_of_pipelined_commands_are_answered() {
    let server = with_big_file();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        control.send_raw("NOOP\r\n".repeat(5000).as_bytes());
        (0..5000).for_each(|_| drop(control.expect(200)));
        // The same during a transfer.
        let data = control.passive();
        control.command("RETR big", 150);
        let link = data.link();
        let script = format!("{}ABOR\r\n", "NOOP\r\n".repeat(5000));
        control.send_raw(script.as_bytes());
        drop(link);
        control.expect(426);
        (0..5000).for_each(|_| drop(control.expect(200)));
        control.expect_one_of(&[225, 226]);
    }
}

#[test]
fn unread_replies_do_not_delay_other_clients() {
    let server = writable().start();
    for version in Version::ALL {
        let mut unread = server.private(&TlsClient::of(version));
        unread.send_raw("HELP\r\n".repeat(2000).as_bytes());
        let mut control = server.private(&TlsClient::of(version));
        control.store("f", b"content");
        (0..2000).for_each(|_| drop(unread.expect(214)));
        unread.command("NOOP", 200);
    }
}

/// A `close_notify` announces the end of the file.
#[test]
fn upload_with_close_notify_is_stored_without_control_connection() {
    let server = writable().start();
    let content = content(300_001);
    for version in Version::ALL {
        let client = TlsClient::of(version);
        let mut control = server.private(&client);
        let peer = control.local();
        let data = control.passive();
        control.command("STOR kept", 150);
        let mut link = data.link();
        link.write_all(&content).unwrap();
        control.close();
        // The server processes the end of the control connection first.
        server.private(&client).command("NOOP", 200);
        link.end().unwrap();
        server.wait_for_log(&format!("{peer} disconnected"));
        assert!(fs::read(server.file("kept")).unwrap() == content);
        fs::remove_file(server.file("kept")).unwrap();
    }
}
