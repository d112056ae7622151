//! Files over private data connections: whole, or not at all. RFC 4217 §12.3, RFC 8446 §6.1.

use std::fs;
use std::io::{Read, Write};

use rustix::net::sockopt;

use super::support::tls::{TlsClient, Version};
use super::support::{Control, DataChannel, Server};
use super::{content, writable};

#[test]
fn files_go_both_ways_in_every_version() {
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

/// Clients close an upload without reading; what they have not read resets the connection, and
/// takes with it what is on its way.
#[test]
fn an_upload_by_a_client_that_reads_nothing_arrives_whole() {
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

/// A server with a file that is too big to be on its way whole.
fn with_big_file() -> Server {
    let server = writable().start();
    let file = fs::File::create(server.file("big")).unwrap();
    file.set_len(BIG).unwrap();
    server
}

#[test]
fn parts_of_files_go_both_ways() {
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
fn abor_is_obeyed_at_once_both_ways() {
    let server = with_big_file();
    fs::write(server.file("f"), "old").unwrap();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        for _ in 0..3 {
            let data = control.passive();
            control.command("RETR big", 150);
            // Nothing more is read of it.
            let mut link = data.link();
            link.read_exact(&mut [0; 1000]).unwrap();
            control.send("ABOR");
            control.expect(426);
            control.expect(226);
            assert!(
                link.read_to_end(&mut Vec::new()).is_err(),
                "it looks complete"
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
        // And before the handshake.
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
fn slow_readers_and_small_buffers_get_every_byte() {
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
        // Odd pieces, so that the ends of records are nowhere special.
        let mut piece = vec![0; 3001];
        loop {
            match link.read(&mut piece).unwrap() {
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
fn stat_is_answered_during_a_transfer_that_nobody_reads() {
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
fn many_commands_in_one_segment_are_answered_in_their_order() {
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

/// More than the server keeps of what is not obeyed yet, in as few records as there can be.
#[test]
fn thirty_thousand_bytes_of_commands_at_once_are_all_answered() {
    let server = with_big_file();
    for version in Version::ALL {
        let mut control = server.private(&TlsClient::of(version));
        control.send_raw("NOOP\r\n".repeat(5000).as_bytes());
        (0..5000).for_each(|_| drop(control.expect(200)));
        // The same, and they have to wait for a transfer.
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

/// A client that talks and does not listen.
#[test]
fn replies_that_nobody_reads_hold_up_nobody() {
    let server = writable().start();
    for version in Version::ALL {
        let mut deaf = server.private(&TlsClient::of(version));
        deaf.send_raw("HELP\r\n".repeat(2000).as_bytes());
        let mut control = server.private(&TlsClient::of(version));
        control.store("f", b"content");
        (0..2000).for_each(|_| drop(deaf.expect(214)));
        deaf.command("NOOP", 200);
    }
}

/// A `close_notify` is the client's own word that this was all.
#[test]
fn an_upload_that_announces_its_end_needs_no_control_connection() {
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
        // The end of the control connection is met for itself.
        server.private(&client).command("NOOP", 200);
        link.end().unwrap();
        server.wait_for_log(&format!("{peer} disconnected"));
        assert!(fs::read(server.file("kept")).unwrap() == content);
        fs::remove_file(server.file("kept")).unwrap();
    }
}
