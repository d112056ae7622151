//! How many there may be, who they may be, and how fast they may come.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};

use crate::support::{Control, DEADLINE, connect_from, until};
use crate::world::World;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn from(address: Ipv4Addr, to: SocketAddr) -> Control {
    Control::over(connect_from(address, to).unwrap())
}

/// Whoever is not even answered.
fn is_turned_away(address: Ipv4Addr, to: SocketAddr) {
    let mut stream = connect_from(address, to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(!matches!(stream.read(&mut [0]), Ok(1)), "{address}");
}

const ANN: &str =
    "\n[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";

/// A world with an account that has a password.
fn with_ann() -> World {
    let world = World::new();
    std::fs::write(world.path("secret"), "a secret\n").unwrap();
    world
}

fn guess(control: &mut Control, code: u16) {
    control.command("USER ann", 331);
    control.command("PASS guess", code);
}

/// `limits.connections`
#[test]
fn one_too_many_hears_421() {
    let world = World::new();
    let server = world.start("[limits]\nconnections = 1");
    let _inside = server.connect();
    from(THERE, server.address()).expect(421);
    server.wait_for_log("): there are as many connections as limits.connections allows");
}

/// `limits.connections-per-address`
#[test]
fn one_too_many_of_an_address_hears_421() {
    let world = World::new();
    let server = world.start("[limits]\nconnections-per-address = 1");
    let _inside = server.connect();
    from(HERE, server.address()).expect(421);
    from(THERE, server.address()).expect(220);
    server.wait_for_log(
        "): its address has as many connections as limits.connections-per-address allows",
    );
}

/// `limits.memory`
#[test]
fn there_are_as_many_as_the_memory_is_for() {
    let world = World::new();
    let most = |text: &str| -> u64 {
        let server = world.start(text);
        let line = server.wait_for_log("Up to ");
        let number = line.split("Up to ").nth(1).unwrap().split(' ').next();
        number.unwrap().parse().unwrap()
    };
    let (few, more) = (
        most("[limits]\nmemory = \"16MiB\""),
        most("[limits]\nmemory = \"17MiB\""),
    );
    assert!(1 < few && few < more && more < 1000, "{few} {more}");
    let server = world.start("[limits]\nmemory = \"1MiB\"");
    server.wait_for_log("limits.memory is 1048576");
    let _inside = server.connect();
    from(THERE, server.address()).expect(421);
    server.wait_for_log("): there are as many connections as limits.memory allows");
}

/// `addresses.allow`
#[test]
fn only_who_is_allowed_is_let_in() {
    let world = World::new();
    let server = world.start("[addresses]\nallow = [\"127.0.0.2\"]");
    is_turned_away(HERE, server.address());
    from(THERE, server.address()).expect(220);
}

/// `addresses.deny`
#[test]
fn who_is_denied_is_not_let_in() {
    let world = World::new();
    let server = world.start("[addresses]\ndeny = [\"127.0.0.2/31\"]");
    is_turned_away(THERE, server.address());
    from(HERE, server.address()).expect(220);
}

/// `throttling.failures`
#[test]
fn so_many_failures_ban() {
    let world = with_ann();
    let quick = "[timings]\npenalty = 0\n[throttling]";
    let server = world.start(&format!("{quick}\nfailures = 2\n{ANN}"));
    let mut control = server.connect();
    guess(&mut control, 530);
    guess(&mut control, 421);
    from(HERE, server.address()).expect(421);
}

/// `throttling.window`
#[test]
fn failures_are_forgotten_after_the_window() {
    let world = with_ann();
    let quick = "[timings]\npenalty = \"2ms\"\n[throttling]";
    let server = world.start(&format!("{quick}\nfailures = 2\nwindow = \"1ms\"\n{ANN}"));
    let mut control = server.connect();
    guess(&mut control, 530);
    guess(&mut control, 530);
    guess(&mut control, 530);
}

/// `throttling.ban`
#[test]
fn a_ban_ends() {
    let world = with_ann();
    let server = world.start(&format!(
        "[throttling]\nfailures = 1\nban = \"100ms\"\n{ANN}"
    ));
    guess(&mut server.connect(), 421);
    until("the end of the ban", || {
        let mut control = from(HERE, server.address());
        (control.expect_one_of(&[220, 421]).code == 220).then_some(())
    });
}

/// `throttling.longest-penalty`
#[test]
fn a_penalty_is_no_longer() {
    let world = with_ann();
    let slow = "[timings]\npenalty = \"1h\"\n[throttling]";
    let server = world.start(&format!("{slow}\nlongest-penalty = \"1ms\"\n{ANN}"));
    guess(&mut server.connect(), 530);
}

/// `throttling.connection-burst`
#[test]
fn so_many_connections_may_come_at_once() {
    let world = World::new();
    let text = "[throttling]\nconnection-interval = \"1h\"\nconnection-burst = ";
    let server = world.start(&format!("{text}2"));
    from(HERE, server.address()).expect(220);
    from(HERE, server.address()).expect(220);
    from(HERE, server.address()).expect(421);
    from(THERE, server.address()).expect(220);
}

/// `throttling.connection-interval`
#[test]
fn connections_come_in_their_interval() {
    let world = World::new();
    let text = "[throttling]\nconnection-burst = 1\nconnection-interval = ";
    let server = world.start(&format!("{text}\"0s\""));
    for _ in 0..3 {
        from(HERE, server.address()).expect(220);
    }
    let server = world.start(&format!("{text}\"1h\""));
    from(HERE, server.address()).expect(220);
    from(HERE, server.address()).expect(421);
}

/// How many of five commands are answered before the time for the login is over.
fn answered(server: &crate::support::Server) -> usize {
    let mut control = server.connect();
    for _ in 0..5 {
        control.send("NOOP");
    }
    let codes = std::iter::repeat_with(|| control.expect_one_of(&[200, 421]).code);
    codes.take(5).take_while(|code| *code == 200).count()
}

/// `throttling.command-burst`
#[test]
fn so_many_commands_may_come_before_a_login() {
    let world = World::new();
    let text =
        "[timings]\nlogin = \"1s\"\n[throttling]\ncommand-interval = \"1h\"\ncommand-burst = ";
    assert!(answered(&world.start(&format!("{text}2"))) < 5);
    assert_eq!(answered(&world.start(&format!("{text}6"))), 5);
}

/// `throttling.command-interval`
#[test]
fn commands_before_a_login_come_in_their_interval() {
    let world = World::new();
    let text = "[throttling]\ncommand-burst = 1\ncommand-interval = ";
    assert_eq!(answered(&world.start(&format!("{text}\"1ms\""))), 5);
    let text = format!("[timings]\nlogin = \"1s\"\n{text}");
    assert!(answered(&world.start(&format!("{text}\"1h\""))) < 5);
}
