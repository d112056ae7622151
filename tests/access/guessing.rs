//! Password guessing and connection floods: bans and rate limits per client address, in bounded memory,
//! without effect on other addresses.
//!
//! All of 127.0.0.0/8 is this host, so a test can have many client addresses.

#[cfg(feature = "config")]
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::{Control, DEADLINE, Starter, connect_from, in_thread};
use mioftpd::{Account, Accounts, AddressRules, Config, Rate, Throttling, Timings};

const REFUSED: &[u8] = b"421 Service not available, closing control connection.\r\n";
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// KiB that the process may grow by: the address table.
#[cfg(feature = "config")]
const GROWTH: u64 = 4 * 1024;

fn with_server(config: Config, test: impl FnOnce(SocketAddr)) {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        root: Some(directory.path().into()),
        accounts: Accounts::new().with(Account::with_password("alice", "secret")),
        timings: Timings {
            penalty: Duration::from_millis(1),
            ..Timings::default()
        },
        ..config
    };
    in_thread::with_server(config, test);
}

fn from(address: Ipv4Addr, to: SocketAddr) -> Control {
    Control::over(connect_from(address, to).unwrap())
}

/// All bytes up to the end of the connection.
fn received(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    received
}

fn expect_refused(address: Ipv4Addr, to: SocketAddr) {
    assert_eq!(
        received(connect_from(address, to).unwrap()),
        REFUSED,
        "{address}"
    );
}

fn guess(control: &mut Control, code: u16) {
    control.command("USER alice", 331);
    control.command("PASS guess", code);
}

/// In a process of its own, since its memory is measured.
#[cfg(feature = "config")]
#[test]
fn thousand_guessing_addresses_are_banned_in_bounded_memory() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    fs::write(
        &file,
        "[throttling]\nfailures = 2\n[timings]\npenalty = \"1ms\"\n",
    )
    .unwrap();
    let server = Starter::default()
        .argument("--config")
        .argument(file)
        .argument("--user=alice")
        .variable("MIOFTPD_PASSWORD", "secret")
        .serving(|_| ())
        .start();
    let to = server.address();
    let guessers = (0..1000_u32).map(|n| Ipv4Addr::from_bits(0x7f01_0000 + n));
    let mut early = from(HERE, to);
    early.expect(220);
    let before = server.resident();
    for address in guessers.clone() {
        let mut control = from(address, to);
        control.expect(220);
        guess(&mut control, 530);
        guess(&mut control, 421);
        control.expect_end();
    }
    for address in guessers {
        expect_refused(address, to);
    }
    let after = server.resident();
    assert!(after < before + GROWTH, "{before} KiB became {after} KiB");
    early.log_in("alice", "secret");
    let mut other = from(THERE, to);
    other.expect(220);
    other.log_in("alice", "secret");
}

#[test]
fn ban_applies_to_open_connections_before_login() {
    let throttling = Throttling {
        failures: 2,
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    with_server(config, |to| {
        let [mut first, mut second, mut logged_in] = [(); 3].map(|()| from(HERE, to));
        for control in [&mut first, &mut second, &mut logged_in] {
            control.expect(220);
        }
        logged_in.log_in("alice", "secret");
        guess(&mut first, 530);
        guess(&mut first, 421);
        second.command("USER alice", 331);
        second.command("PASS secret", 421);
        second.expect_end();
        // The ban does not end logged-in sessions.
        logged_in.command("PWD", 257);
    });
}

#[test]
fn ban_expires() {
    let throttling = Throttling {
        failures: 1,
        ban: Duration::from_millis(200),
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    with_server(config, |to| {
        let mut control = from(HERE, to);
        control.expect(220);
        guess(&mut control, 421);
        crate::support::until("the end of the ban", || {
            let mut control = from(HERE, to);
            (control.expect_one_of(&[220, 421]).code == 220).then_some(())
        });
    });
}

/// With the default limits of the program.
#[test]
fn ban_over_many_connections_is_logged_once() {
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
        expect_refused(HERE, server.address());
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
fn connection_rate_limit_replies_421_per_address() {
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
    with_server(config, |to| {
        for _ in 0..3 {
            from(HERE, to).expect(220);
        }
        expect_refused(HERE, to);
        from(THERE, to).expect(220);
    });
}

#[test]
fn commands_before_login_are_rate_limited_not_dropped() {
    let interval = Duration::from_millis(20);
    let throttling = Throttling {
        commands: Rate { interval, burst: 2 },
        ..Throttling::default()
    };
    let config = Config {
        throttling,
        ..Config::default()
    };
    with_server(config, |to| {
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
fn denied_address_is_closed_without_a_reply() {
    let config = Config {
        addresses: AddressRules {
            allow: vec!["127.0.0.0/30".parse().unwrap()],
            deny: vec!["127.0.0.2".parse().unwrap()],
        },
        ..Config::default()
    };
    with_server(config, |to| {
        for denied in [THERE, Ipv4Addr::new(127, 0, 0, 4)] {
            assert_eq!(received(connect_from(denied, to).unwrap()), b"");
        }
        from(HERE, to).expect(220);
        from(Ipv4Addr::new(127, 0, 0, 3), to).expect(220);
    });
}
