//! Malicious and broken clients: their memory and descriptors stay bounded, and other clients are served.
//!
//! Memory and descriptors are read from `/proc`. The tests send far more than a server could keep unnoticed.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use crate::support::{
    Control, Server, Starter, connect_from, epsv_port, expect_reset, host_port, pasv_port,
};

/// KiB that the server may grow by: some buffers, not the megabytes that are sent.
const GROWTH: u64 = 4 * 1024;

/// Another client is served within the deadline of its replies.
fn expect_served(server: &Server) {
    let mut control = server.connect();
    control.command("NOOP", 200);
    control.command("QUIT", 221);
    control.expect_end();
}

#[test]
fn endless_line_is_one_error_in_bounded_memory() {
    let server = Server::control_only();
    let mut control = server.connect();
    expect_served(&server);
    let before = server.resident();
    let chunk = vec![b'x'; 64 * 1024];
    for round in 0..1024 {
        control.send_raw(&chunk);
        if round % 256 == 128 {
            expect_served(&server);
        }
    }
    let after = server.resident();
    assert!(after < before + GROWTH, "{before} KiB became {after} KiB");
    control.send_raw(b"\r\nNOOP\r\n");
    control.expect(500);
    control.expect(200);
    assert!(server.resident() < before + GROWTH);
}

#[test]
fn repeated_overlong_lines_end_the_session() {
    let server = Server::control_only();
    let mut control = server.connect();
    let line = "x".repeat(5000);
    for _ in 0..100 {
        control.send(&line);
        if control.expect_one_of(&[500, 421]).code == 421 {
            return control.expect_end();
        }
    }
    panic!("100 over-long lines were taken");
}

#[test]
fn unread_replies_apply_backpressure() {
    const PAIRS: usize = 50_000;
    let server = Server::read_only(|_| ());
    let mut control = server.login();
    let before = server.resident();
    let mut socket = control.socket().try_clone().unwrap();
    // The server stops reading while its replies are not read, so the writes block.
    socket.set_write_timeout(None).unwrap();
    let text = "NOOP\r\nSYST\r\n".repeat(PAIRS);
    let writer = std::thread::spawn(move || socket.write_all(text.as_bytes()));
    for _ in 0..100 {
        expect_served(&server);
    }
    let after = server.resident();
    assert!(after < before + GROWTH, "{before} KiB became {after} KiB");
    for _ in 0..PAIRS {
        control.expect(200);
        control.expect(215);
    }
    writer.join().unwrap().unwrap();
    control.command("QUIT", 221);
}

#[test]
fn session_holds_few_passive_ports_at_a_time() {
    let server = Starter::default().observable().serving(|_| ()).start();
    let mut control = server.login();
    epsv_port(&mut control);
    let before = server.descriptors();
    let mut last = 0;
    for _ in 0..5_000 {
        pasv_port(&mut control);
        last = epsv_port(&mut control);
    }
    let after = server.descriptors();
    assert!(after <= before + 4, "{before} descriptors became {after}");
    expect_served(&server);
    // The last port is given back with its session.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, last));
    control.command("QUIT", 221);
    control.expect_end();
    expect_reset(&TcpStream::connect(address).unwrap());
}

#[test]
fn five_hundred_silent_connections_delay_no_client() {
    let server = Server::read_only(|root| std::fs::write(root.join("f"), "content").unwrap());
    let before = server.resident();
    let silent: Vec<_> = (0..500)
        .map(|_| Control::silent(server.address()))
        .collect();
    let mut control = server.login();
    for _ in 0..10 {
        assert_eq!(control.retrieve("f"), b"content");
    }
    let after = server.resident();
    assert!(after < before + GROWTH, "{before} KiB became {after} KiB");
    for mut control in silent {
        control.expect(220);
    }
}

#[test]
fn two_thousand_sessions_leak_nothing() {
    let server = Starter::default().observable().serving(|_| ()).start();
    let cycle = |round: usize| {
        let mut control = server.login();
        if round.is_multiple_of(20) {
            epsv_port(&mut control);
        }
        if round.is_multiple_of(3) {
            control.command("QUIT", 221);
            control.expect_end();
        }
    };
    (0..20).for_each(cycle);
    let (descriptors, resident) = (server.descriptors(), server.resident());
    (0..2000).for_each(cycle);
    // The server closes sessions without QUIT when it reads their end. A hundred unused ports are open.
    crate::support::until("the descriptors to be closed", || {
        expect_served(&server);
        (server.descriptors() <= descriptors + 100 + 2).then_some(())
    });
    assert!(server.resident() < resident + GROWTH);
}

#[test]
fn port_to_another_host_is_refused_without_connecting() {
    let server = Server::read_only(|root| std::fs::write(root.join("f"), "content").unwrap());
    let victim = TcpListener::bind("127.0.0.2:0").unwrap();
    victim.set_nonblocking(true).unwrap();
    let address = victim.local_addr().unwrap();
    let (ip, port) = (address.ip(), address.port());
    let mut control = server.login();
    for line in [
        format!("PORT {}", host_port(address)),
        format!("EPRT |1|{ip}|{port}|"),
        format!("EPRT |2|::ffff:{ip}|{port}|"),
    ] {
        control.send(&line);
        control.expect_one_of(&[500, 501, 522]);
        control.command("RETR f", 425);
    }
    let accepted = victim.accept().map(|(_, peer)| peer);
    assert_eq!(accepted.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn foreign_address_on_the_passive_port_is_dropped() {
    let server = Server::read_only(|root| std::fs::write(root.join("f"), "content").unwrap());
    for connects_early in [true, false] {
        let mut control = server.login();
        let port = epsv_port(&mut control);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut early = None;
        if connects_early {
            early = Some(connect_from(Ipv4Addr::new(127, 0, 0, 2), address).unwrap());
        }
        control.command("RETR f", 150);
        let foreign =
            early.unwrap_or_else(|| connect_from(Ipv4Addr::new(127, 0, 0, 2), address).unwrap());
        expect_reset(&foreign);
        let mut data = TcpStream::connect(address).unwrap();
        assert_eq!(crate::support::read_all(&mut data), b"content");
        // The foreign connection causes no reply.
        control.expect(226);
        control.command("NOOP", 200);
    }
}

#[test]
fn wrong_passwords_end_the_session_and_delay_no_client() {
    let starter = Starter::default().argument("--user").argument("alice");
    let server = starter.variable("MIOFTPD_PASSWORD", "secret");
    let server = server.serving(|_| ()).start();
    let mut guesser = server.connect();
    for round in 0..20 {
        guesser.command(&format!("USER {}", ["alice", "unknown"][round % 2]), 331);
        guesser.send("PASS guess");
        expect_served(&server);
        if guesser.expect_one_of(&[530, 421]).code == 421 {
            return guesser.expect_end();
        }
    }
    panic!("20 guesses were taken");
}

#[test]
fn resets_at_any_moment_leave_the_server_running() {
    let server = Server::read_only(|root| std::fs::write(root.join("f"), "content").unwrap());
    let moments: [&[&str]; 6] = [
        &[],
        &["USER anonymous"],
        &["USER anonymous", "PASS x", "EPSV"],
        &["USER anonymous", "PASS x", "EPSV", "RETR f"],
        &["USER anonymous", "PASS x", "EPSV", "RETR f", "NOOP", "ABOR"],
        &["NOOP", "NOOP", "QUIT"],
    ];
    for moment in moments.iter().cycle().take(60) {
        let mut control = Control::silent(server.address());
        moment.iter().for_each(|line| control.send(line));
        let socket = control.socket().try_clone().unwrap();
        drop(control);
        crate::support::abort_connection(socket);
    }
    let mut control = server.login();
    assert_eq!(control.retrieve("f"), b"content");
}

#[test]
fn site_who_shows_own_sessions_only() {
    let server = Starter::default()
        .argument("--user")
        .argument("alice")
        .argument("--anonymous")
        .variable("MIOFTPD_PASSWORD", "secret")
        .serving(|_| ())
        .start();
    let other = server.login();
    let unauthenticated = server.connect();
    let mut alices = [server.connect(), server.connect()];
    for alice in &mut alices {
        alice.log_in("alice", "secret");
    }
    let addresses = alices.each_ref().map(|one| one.local().to_string());
    let shown = alices[0].command("SITE WHO", 200).lines.join("\n");
    assert!(
        addresses.iter().all(|address| shown.contains(address)),
        "{shown}"
    );
    for one in [other.local(), unauthenticated.local()] {
        assert!(!shown.contains(&one.to_string()), "{shown}");
    }
}

#[test]
#[cfg(feature = "digests")]
fn site_who_before_a_reset_takes_no_other_reply() {
    let server = Starter::default()
        .argument("--user")
        .argument("alice")
        .argument("--anonymous")
        .variable("MIOFTPD_PASSWORD", "secret")
        .serving(|root| {
            let enormous = std::fs::File::create(root.join("enormous")).unwrap();
            enormous.set_len(1 << 40).unwrap();
        })
        .start();
    let mut victim = server.login();
    victim.send("HASH enormous");
    for _ in 0..10 {
        let mut alice = server.connect();
        alice.log_in("alice", "secret");
        let socket = alice.socket().try_clone().unwrap();
        let closed = format!("{} disconnected", alice.local());
        // The commands and the reset arrive together, so the first write of the server fails.
        server.pause();
        alice.send_raw(b"NOOP\r\nSITE WHO\r\n");
        drop(alice);
        crate::support::abort_connection(socket);
        server.resume();
        server.wait_for_log(&closed);
    }
    victim.send("ABOR");
    victim.expect(426);
    victim.expect(226);
}
