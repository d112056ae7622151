//! The keys of `[timings]`. Each time-out is set so short that it ends within the test, unlike the
//! default, or so long that it does not.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::config::world::World;
use crate::support::{Control, DEADLINE, epsv_port, uninterrupted};

/// `timings.login`
#[test]
fn login_timeout_ends_session() {
    let world = World::new();
    let server = world.start("[timings]\nlogin = \"100ms\"");
    let mut control = server.connect();
    control.expect(421);
    control.expect_end();
    server.wait_for_log(": Closed: no login within timings.login");
}

/// `timings.idle`
#[test]
fn idle_timeout_ends_session() {
    let world = World::new();
    let server = world.start("[timings]\nidle = \"2s\"");
    let mut control = server.login();
    control.expect(421);
    control.expect_end();
    server.wait_for_log(": Closed: no command within timings.idle");
}

/// `timings.penalty`
#[test]
fn failed_login_reply_is_delayed() {
    let world = World::new();
    let fail = |text: &str, code| {
        let server = world.start(text);
        let mut control = server.connect();
        control.command("USER nobody", 331);
        control.command("PASS x", code);
    };
    fail(
        "[timings]\npenalty = \"1ms\"\n[throttling]\nlongest-penalty = \"1h\"",
        530,
    );
    // The login time-out ends before the delayed reply.
    let never =
        "[timings]\nlogin = \"1s\"\npenalty = \"1h\"\n[throttling]\nlongest-penalty = \"1h\"";
    fail(never, 421);
}

/// `timings.data-connect`
#[test]
fn data_connect_timeout_fails_transfer() {
    let world = World::new();
    let server = world.start("[timings]\ndata-connect = \"100ms\"");
    let mut control = server.login();
    epsv_port(&mut control);
    control.command("RETR f", 150);
    control.expect(425);
}

/// `timings.data-stall`
#[test]
fn data_stall_timeout_ends_transfer() {
    let world = World::new();
    // Not shorter: the time-out also covers the close of the file by a worker, on a loaded machine.
    let server = world.start("[timings]\ndata-stall = \"2s\"");
    let mut control = server.login();
    let data = control.passive();
    control.command("STOR new", 150);
    control.expect(426);
    drop(data);
}

/// `timings.reply-stall`
#[test]
fn reply_stall_timeout_drops_connection() {
    let world = World::new();
    let server = world.start("[timings]\nreply-stall = \"200ms\"");
    let control = server.login();
    let mut socket = control.socket();
    sockopt::set_socket_recv_buffer_size(socket, 4096).unwrap();
    let commands = "HELP\r\n".repeat(10_000);
    let end = Instant::now() + DEADLINE;
    // Until the server stops reading, and then closes the connection.
    let error = loop {
        if let Err(error) = socket.write_all(commands.as_bytes()) {
            break error;
        }
        assert!(Instant::now() < end, "the server reads everything");
    };
    let gone = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(gone.contains(&error.kind()), "{error}");
}

/// `timings.linger`
#[test]
fn linger_keeps_connection_until_client_closes() {
    let world = World::new();
    let mut server = world.start("[timings]\nlinger = \"1h\"\ngrace = \"3s\"");
    let mut control = server.connect();
    control.command("QUIT", 221);
    control.expect_end();
    // The stop waits for the whole grace period, not for the default linger of two seconds.
    let begin = Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(3));
    drop(control);
}

/// `timings.grace`
#[test]
fn grace_period_ends_transfers_at_stop() {
    let world = World::new();
    let mut server = world.start("[timings]\ngrace = \"100ms\"");
    let mut control = server.login();
    let data = control.passive();
    control.command("STOR new", 150);
    server.terminate();
    control.expect(426);
    control.expect(421);
    let mut data = data.stream();
    let ended = uninterrupted(|| data.read(&mut [0]));
    assert!(!matches!(ended, Ok(1)));
    // The stop does not wait for lingering connections.
    drop(control);
    assert_eq!(server.wait().code(), Some(0));
}

/// `timings.handshake`
#[test]
fn handshake_timeout_closes_connection() {
    let world = World::new();
    if !cfg!(feature = "tls") {
        world.write("[timings]\nhandshake = \"x\"");
        return assert_eq!(world.run(&[]).status.code(), Some(2));
    }
    let server = world.start("[timings]\nhandshake = \"100ms\"\n[tls]\nself-signed = true");
    let mut control = server.connect();
    control.command("AUTH TLS", 234);
    let mut rest = Vec::new();
    let mut socket = control.socket();
    let ended = socket.read_to_end(&mut rest);
    let is_over = ended.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true);
    assert!(is_over, "the server keeps the connection");
    let peer = control.local();
    server.wait_for_log(&format!(
        "{peer}: No TLS handshake within 0.1 seconds (timings.handshake)"
    ));
    // A plain client on a port with implicit TLS.
    let implicit = "[timings]\nhandshake = \"100ms\"\n[tls]\nself-signed = true\n\
                    listen = \"127.0.0.1:0\"";
    let server = world.start(implicit);
    let line = server.wait_for_log("Start serving FTPS at ");
    let control = Control::silent(line.rsplit(' ').next().unwrap().parse().unwrap());
    let message = server.wait_for_log(&format!("{}: No TLS handshake within", control.local()));
    assert!(message.contains("set to implicit FTPS"), "{message}");
}
