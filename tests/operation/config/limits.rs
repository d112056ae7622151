//! Limits, address rules and throttling.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::process::{Resource, Rlimit, getrlimit};

use crate::config::reloading::{READ, change};
use crate::config::world::World;
use crate::support::{Control, DEADLINE, connect_from, uninterrupted, until};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn from(address: Ipv4Addr, to: SocketAddr) -> Control {
    Control::over(connect_from(address, to).unwrap())
}

/// Asserts that the server closes a connection without a reply.
fn assert_refused(address: Ipv4Addr, to: SocketAddr) {
    let mut stream = connect_from(address, to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(
        !matches!(uninterrupted(|| stream.read(&mut [0])), Ok(1)),
        "{address}"
    );
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
fn connection_beyond_limit_gets_421() {
    let world = World::new();
    let server = world.start("[limits]\nconnections = 1");
    let _session = server.connect();
    from(THERE, server.address()).expect(421);
    server.wait_for_log("): there are as many connections as limits.connections allows");
}

/// The number is warned of where it is chosen, and not otherwise.
#[test]
fn chosen_number_of_connections_that_descriptors_do_not_allow_is_warned_of() {
    let world = World::new();
    let server = world.start("");
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(40);
    server.set_limit(Resource::Nofile, Rlimit { current, maximum });
    change(&world, &server, "", READ);
    assert!(!server.log().contains("Limited to"));
    change(&world, &server, "[limits]\nconnections = 4096", READ);
    server.wait_for_log("Limited to 1 instead of 4096 connections by the limit of open files");
}

/// One login would take more than all clients may.
#[test]
#[cfg(feature = "hashed-passwords")]
fn account_whose_hash_exceeds_the_memory_limit_is_refused() {
    let world = World::new();
    let hash = mioftpd::hash_password(&"secret".into()).unwrap();
    let account = format!("[[account]]\nname = \"ann\"\npassword = \"{hash}\"\n");
    let server = world.start(&account);
    let text = format!("[limits]\nmemory = \"16MiB\"\n{account}");
    let why = "config.toml:7:1: the password hash of \"ann\" takes 19 MiB for each login, \
               and limits.memory is 16 MiB";
    change(
        &world,
        &server,
        &text,
        "The old configuration stays in force: ",
    );
    server.wait_for_log(why);
    server.connect().log_in("ann", "secret");
    let failed = world.run(&["--check"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains(why));
    let failed = world.run(&[]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains(why));
}

/// `limits.connections-per-address`
#[test]
fn connection_beyond_address_limit_gets_421() {
    let world = World::new();
    let server = world.start("[limits]\nconnections-per-address = 1");
    let _session = server.connect();
    from(HERE, server.address()).expect(421);
    from(THERE, server.address()).expect(220);
    server.wait_for_log(
        "): its address has as many connections as limits.connections-per-address allows",
    );
}

/// `limits.memory`
#[test]
fn memory_limit_lowers_number_of_connections() {
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
    server.wait_for_log("limits.memory leaves 1024 KiB, but one connection can take ");
    server.wait_for_log("Up to 1 connection, which can take ");
    let _session = server.connect();
    from(THERE, server.address()).expect(421);
    server.wait_for_log("): there are as many connections as limits.memory allows");
}

/// `addresses.allow`
#[test]
fn only_allowed_addresses_can_connect() {
    let world = World::new();
    let server = world.start("[addresses]\nallow = [\"127.0.0.2\"]");
    assert_refused(HERE, server.address());
    from(THERE, server.address()).expect(220);
}

/// `addresses.deny`
#[test]
fn denied_address_cannot_connect() {
    let world = World::new();
    let server = world.start("[addresses]\ndeny = [\"127.0.0.2/31\"]");
    assert_refused(THERE, server.address());
    from(HERE, server.address()).expect(220);
}

/// `throttling.failures`
#[test]
fn failed_logins_ban_the_address() {
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
fn failures_expire_after_the_window() {
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
fn ban_ends_after_its_time() {
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
fn penalty_is_capped_by_longest_penalty() {
    let world = with_ann();
    let slow = "[timings]\npenalty = \"1h\"\n[throttling]";
    let server = world.start(&format!("{slow}\nlongest-penalty = \"1ms\"\n{ANN}"));
    guess(&mut server.connect(), 530);
}

/// `throttling.connection-burst`
#[test]
fn connection_burst_limits_new_connections() {
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
fn connection_interval_limits_new_connections() {
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

/// The number of replies to five commands before the login time-out.
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
fn command_burst_delays_commands_before_login() {
    let world = World::new();
    let text =
        "[timings]\nlogin = \"1s\"\n[throttling]\ncommand-interval = \"1h\"\ncommand-burst = ";
    assert!(answered(&world.start(&format!("{text}2"))) < 5);
    assert_eq!(answered(&world.start(&format!("{text}6"))), 5);
}

/// `throttling.command-interval`
#[test]
fn command_interval_delays_commands_before_login() {
    let world = World::new();
    let text = "[throttling]\ncommand-burst = 1\ncommand-interval = ";
    assert_eq!(answered(&world.start(&format!("{text}\"1ms\""))), 5);
    let text = format!("[timings]\nlogin = \"1s\"\n{text}");
    assert!(answered(&world.start(&format!("{text}\"1h\""))) < 5);
}
