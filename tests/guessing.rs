//! Who guesses passwords, and who floods the door: they are shut out, what they cost is bounded, and
//! others are served meanwhile.
//!
//! All of 127.0.0.0/8 is this host, so there are as many client addresses as a test wants.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use mioftpd::auth::{Account, Accounts};
use mioftpd::limits::{Rate, Throttling, Timings};
use mioftpd::net::AddressRules;
use mioftpd::{Config, Server};
use support::{Control, DEADLINE, Starter, connect_from};

const REFUSED: &[u8] = b"421 Service not available, closing control connection.\r\n";
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// KiB that the process may grow by: the table, and what the test itself needs.
const GROWTH: u64 = 4 * 1024;

fn beside(config: Config, test: impl FnOnce(SocketAddr)) {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::bind(Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root: Some(directory.path().into()),
        accounts: Accounts::new().with(Account::with_password("alice", "secret")),
        timings: Timings {
            penalty: Duration::from_millis(1),
            ..Timings::default()
        },
        ..config
    })
    .unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let serving = thread::spawn(move || server.run());
    test(address);
    handle.stop();
    handle.stop();
    serving.join().unwrap().unwrap();
}

fn from(address: Ipv4Addr, to: SocketAddr) -> Control {
    Control::over(connect_from(address, to).unwrap())
}

/// What comes before the end.
fn heard(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    heard
}

fn is_refused(address: Ipv4Addr, to: SocketAddr) {
    assert_eq!(
        heard(connect_from(address, to).unwrap()),
        REFUSED,
        "{address}"
    );
}

/// This process with the server in it, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

fn guess(control: &mut Control, code: u16) {
    control.command("USER alice", 331);
    control.command("PASS guess", code);
}

#[test]
fn a_thousand_addresses_that_guess_are_banned_and_cost_little() {
    let throttling = Throttling {
        failures: 2,
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    beside(config, |to| {
        let guessers = (0..1000_u32).map(|n| Ipv4Addr::from_bits(0x7f01_0000 + n));
        let mut friend = from(HERE, to);
        friend.expect(220);
        let before = resident();
        for address in guessers.clone() {
            let mut control = from(address, to);
            control.expect(220);
            guess(&mut control, 530);
            guess(&mut control, 421);
            control.expect_end();
        }
        for address in guessers {
            is_refused(address, to);
        }
        let after = resident();
        assert!(after < before + GROWTH, "{before} KiB became {after} KiB");
        friend.log_in("alice", "secret");
        let mut other = from(THERE, to);
        other.expect(220);
        other.log_in("alice", "secret");
    });
}

#[test]
fn a_ban_is_for_those_inside_too_and_with_the_right_password() {
    let throttling = Throttling {
        failures: 2,
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    beside(config, |to| {
        let [mut first, mut second, mut inside] = [(); 3].map(|()| from(HERE, to));
        for control in [&mut first, &mut second, &mut inside] {
            control.expect(220);
        }
        inside.log_in("alice", "secret");
        guess(&mut first, 530);
        guess(&mut first, 421);
        second.command("USER alice", 331);
        second.command("PASS secret", 421);
        second.expect_end();
        // Who was in before goes on.
        inside.command("PWD", 257);
    });
}

#[test]
fn a_ban_ends() {
    let throttling = Throttling {
        failures: 1,
        ban: Duration::from_millis(200),
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    beside(config, |to| {
        let mut control = from(HERE, to);
        control.expect(220);
        guess(&mut control, 421);
        support::until("the end of the ban", || {
            let mut control = from(HERE, to);
            (control.expect_one_of(&[220, 421]).code == 220).then_some(())
        });
    });
}

/// With the limits as they are by default, in the program.
#[test]
fn a_guesser_with_many_connections_is_banned_and_the_log_says_so_once() {
    let starter = Starter::default().argument("--user").argument("alice");
    let server = starter.variable("MIOFTPD_PASSWORD", "secret");
    let server = server.serving(|_| ()).start();
    let guessers: Vec<_> = (0..20)
        .map(|_| {
            let mut control = server.connect();
            control.send("USER alice");
            control.send("PASS guess");
            control
        })
        .collect();
    server.wait_for_log("Banned 127.0.0.1 for 900 seconds: 20 logins have failed");
    for _ in 0..10 {
        is_refused(HERE, server.address());
    }
    let mut other = from(THERE, server.address());
    other.expect(220);
    other.log_in("alice", "secret");
    let log = server.log();
    assert_eq!(log.matches("Banned").count(), 1, "{log}");
    assert!(!log.contains("Refused a connection"), "{log}");
    drop(guessers);
}

#[test]
fn who_connects_too_fast_hears_421_and_others_are_let_in() {
    let throttling = Throttling {
        connections: Rate {
            interval: DEADLINE * 100,
            burst: 3,
        },
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    beside(config, |to| {
        for _ in 0..3 {
            from(HERE, to).expect(220);
        }
        is_refused(HERE, to);
        from(THERE, to).expect(220);
    });
}

#[test]
fn commands_before_a_login_come_in_their_time_and_all_of_them() {
    let interval = Duration::from_millis(20);
    let throttling = Throttling {
        commands: Rate { interval, burst: 2 },
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    beside(config, |to| {
        let mut control = from(HERE, to);
        control.expect(220);
        let start = std::time::Instant::now();
        control.send_raw(&b"NOOP\r\n".repeat(12));
        for _ in 0..12 {
            control.expect(200);
        }
        assert!(start.elapsed() >= interval * 10);
        control.log_in("alice", "secret");
        control.command("QUIT", 221);
        control.expect_end();
    });
}

#[test]
fn who_is_not_allowed_hears_nothing() {
    let config = Config {
        addresses: AddressRules {
            allow: vec!["127.0.0.0/30".parse().unwrap()],
            deny: vec!["127.0.0.2".parse().unwrap()],
        },
        ..Config::default()
    };
    beside(config, |to| {
        for outsider in [THERE, Ipv4Addr::new(127, 0, 0, 4)] {
            assert_eq!(heard(connect_from(outsider, to).unwrap()), b"");
        }
        from(HERE, to).expect(220);
        from(Ipv4Addr::new(127, 0, 0, 3), to).expect(220);
    });
}
