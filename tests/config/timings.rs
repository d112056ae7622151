//! How long anything may take. Each is made so short that its end comes within the test's patience, and
//! the default's would not; or so long that it never comes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::support::{Control, DEADLINE, epsv_port};
use crate::world::World;

/// `timings.login`
#[test]
fn a_login_has_its_time() {
    let world = World::new();
    let server = world.start("[timings]\nlogin = \"100ms\"");
    let mut control = server.connect();
    control.expect(421);
    control.expect_end();
    server.wait_for_log(": Closed: no login within timings.login");
}

/// `timings.idle`
#[test]
fn an_idle_session_ends() {
    let world = World::new();
    let server = world.start("[timings]\nidle = \"2s\"");
    let mut control = server.login();
    control.expect(421);
    control.expect_end();
    server.wait_for_log(": Closed: no command within timings.idle");
}

/// `timings.penalty`
#[test]
fn a_failed_login_waits_for_its_answer() {
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
    // The time for the login is over before it is answered.
    let never =
        "[timings]\nlogin = \"1s\"\npenalty = \"1h\"\n[throttling]\nlongest-penalty = \"1h\"";
    fail(never, 421);
}

/// `timings.data-connect`
#[test]
fn a_data_connection_has_its_time() {
    let world = World::new();
    let server = world.start("[timings]\ndata-connect = \"100ms\"");
    let mut control = server.login();
    epsv_port(&mut control);
    control.command("RETR f", 150);
    control.expect(425);
}

/// `timings.data-stall`
#[test]
fn a_transfer_that_stalls_ends() {
    let world = World::new();
    // So long may it also take the server to close the file, and a busy machine's workers take a while.
    let server = world.start("[timings]\ndata-stall = \"2s\"");
    let mut control = server.login();
    let data = control.passive();
    control.command("STOR new", 150);
    control.expect(426);
    drop(data);
}

/// `timings.reply-stall`
#[test]
fn who_reads_no_replies_is_dropped() {
    let world = World::new();
    let server = world.start("[timings]\nreply-stall = \"200ms\"");
    let control = server.login();
    let mut socket = control.socket();
    sockopt::set_socket_recv_buffer_size(socket, 4096).unwrap();
    let commands = "HELP\r\n".repeat(10_000);
    let end = Instant::now() + DEADLINE;
    // Until the server takes no more, and then until it is gone.
    let error = loop {
        if let Err(error) = socket.write_all(commands.as_bytes()) {
            break error;
        }
        assert!(Instant::now() < end, "the server takes everything");
    };
    let gone = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(gone.contains(&error.kind()), "{error}");
}

/// `timings.linger`
#[test]
fn who_does_not_leave_may_stay_so_long() {
    let world = World::new();
    let mut server = world.start("[timings]\nlinger = \"1h\"\ngrace = \"3s\"");
    let mut control = server.connect();
    control.command("QUIT", 221);
    control.expect_end();
    // It is waited for as long as for a transfer, and not for the two seconds of the default.
    let begin = Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(3));
    drop(control);
}

/// `timings.grace`
#[test]
fn transfers_may_end_within_the_grace() {
    let world = World::new();
    let mut server = world.start("[timings]\ngrace = \"100ms\"");
    let mut control = server.login();
    let data = control.passive();
    control.command("STOR new", 150);
    server.terminate();
    control.expect(426);
    control.expect(421);
    let ended = data.stream().read(&mut [0]);
    assert!(!matches!(ended, Ok(1)));
    // What lingers is left behind.
    drop(control);
    assert_eq!(server.wait().code(), Some(0));
}

/// `timings.handshake`
#[test]
fn a_handshake_has_its_time() {
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
    assert!(is_over, "the server waits");
    let peer = control.local();
    server.wait_for_log(&format!(
        "{peer}: No TLS handshake within 0.1 seconds (timings.handshake)"
    ));
    // One that waits for a greeting where there is none.
    let implicit = "[timings]\nhandshake = \"100ms\"\n[tls]\nself-signed = true\n\
                    listen = \"127.0.0.1:0\"";
    let server = world.start(implicit);
    let line = server.wait_for_log("Start serving FTPS at ");
    let control = Control::silent(line.rsplit(' ').next().unwrap().parse().unwrap());
    let said = server.wait_for_log(&format!("{}: No TLS handshake within", control.local()));
    assert!(said.contains("set to implicit FTPS"), "{said}");
}
