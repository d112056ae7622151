//! The guide's fail2ban filter, run by fail2ban: it matches every failed login and nothing else,
//! whatever a client sends.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::logs::flood::{Flood, QUICK, fail_to_log_in};
use crate::logs::installed;
use crate::logs::world::World;

/// Names that imitate other log lines.
const NAMES: [&str; 8] = [
    "ann",
    "ann bob",
    "x\": wrong name or password",
    "x from 192.0.2.9",
    "192.0.2.9:1: Login failed for \"x\": wrong name or password",
    "x\\",
    "x\\\": wrong name or password",
    "\u{202e}\u{1b}[2J",
];

/// The matched addresses, in order.
fn matched(log: &Path) -> Option<Vec<String>> {
    let mut command = installed("fail2ban-regex")?;
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/fail2ban.conf");
    let output = command
        .args(["--out", "ip"])
        .args([log, &filter])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || text.is_empty(), "{text}{errors}");
    Some(text.lines().map(str::to_owned).collect())
}

/// The lines as journalctl(1) shows them: time, host and program before the text.
fn as_in_the_journal(log: &str) -> String {
    let line = |line: &str| {
        let text = line.split_once("] ").map_or("", |(_, text)| text);
        format!("Nov 29 04:05:06 host mioftpd[123]: {text}\n")
    };
    log.lines().map(line).collect()
}

#[test]
fn filter_matches_exactly_the_failed_logins_in_a_flood() {
    let world = World::new();
    let server = world.start(QUICK);
    let flood = Flood::start(
        &server,
        "NOOP 192.0.2.9:1: Login failed for \"x\": wrong name or password",
    );
    let address = server.address();
    for number in 0..100 {
        let name = match NAMES.get(usize::from(number)) {
            Some(name) => (*name).to_owned(),
            // Up to the longest names that fit into a line: escaped, they must not truncate its end.
            None => "\u{202e}".repeat(usize::from(number) * 13),
        };
        fail_to_log_in(address, number + 1, &name);
    }
    // The same text in other lines: commands, file names, unknown commands.
    let mut control = server.login();
    for line in [
        "MKD 192.0.2.9:1: Login failed for \"x\": wrong name or password",
        "192.0.2.9:1: Login failed for \"x\": wrong name or password",
        "RETR 192.0.2.9:1: Login failed for \"x\": wrong name or password",
        "NOOP \r WARN  [mioftpd::security] 192.0.2.9:1: Login failed for \"x\": wrong name or password",
    ] {
        control.send(line);
        control.reply();
    }
    control.command("QUIT", 221);
    flood.stop_after(&server, Duration::from_secs(1));
    server.wait_for_log(&format!("{} disconnected", control.local()));
    let expected: Vec<_> = (1..=100)
        .map(|number| format!("127.7.0.{number}"))
        .collect();
    for (name, text) in [
        ("stderr", server.log()),
        ("journal", as_in_the_journal(&server.log())),
    ] {
        let file = world.path(name);
        fs::write(&file, text).unwrap();
        let Some(matched) = matched(&file) else {
            return;
        };
        assert_eq!(matched, expected, "{name}");
    }
}

/// Each reason of a failed login, and similar lines that are not password guesses.
#[test]
fn filter_matches_every_reason_and_address_family() {
    let world = World::new();
    // Each line has another address.
    let failures = [
        "192.0.2.1:9: Login failed for \"a\": wrong name or password",
        "192.0.2.2:9: Login failed for \"a\": the account is disabled",
        "192.0.2.3:9: Login failed for \"a\": the account has expired",
        "[2001:db8::1]:9: Login failed for \"a\": not from this address",
        "[fe80::1%3]:9: Login failed for \"a\": its address is banned",
        "192.0.2.6:9: Login failed for \"a\"... by certificate: the account has expired",
    ];
    let others = [
        "192.0.2.7:9: Login failed for \"a\": too many sessions of this account (account.sessions)",
        "192.0.2.8:9: Login failed for \"a\": too many logins at once",
        "192.0.2.9:9: Logged in as \"a\"",
        "192.0.2.10:9: Login without TLS refused (tls.require): \"a\"",
        "Banned 192.0.2.11 for 900 seconds: 20 logins have failed",
        "Refused a connection (address = 192.0.2.12:9): its address is banned",
    ];
    let addresses = [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
        "2001:db8::1",
        "fe80::1",
        "192.0.2.6",
    ];
    for prefix in [
        "2026-11-29T04:19:42.476Z WARN  [mioftpd::security] ",
        "Nov 29 04:05:06 host mioftpd[123]: ",
        "Nov 29 04:05:06 host mioftpd: ",
    ] {
        let lines = failures.iter().chain(&others);
        let lines: Vec<_> = lines.map(|line| format!("{prefix}{line}\n")).collect();
        let file = world.path("log");
        fs::write(&file, lines.concat()).unwrap();
        let Some(matched) = matched(&file) else {
            return;
        };
        assert_eq!(matched, addresses, "{prefix}");
    }
}

/// The server's own log lines for accounts that may not log in.
#[test]
fn rejected_accounts_are_logged_in_the_same_format() {
    let world = World::new();
    fs::write(world.path("secret"), "right").unwrap();
    let account = |name: &str, what: &str| {
        format!("[[account]]\nname = \"{name}\"\npassword-file = \"secret\"\n{what}\n")
    };
    let accounts = [
        account("closed", "enabled = false"),
        account("old", "expires = 2020-01-01"),
        account("away", "addresses = [\"192.0.2.0/24\"]"),
    ];
    let server = world.start(&format!("{QUICK}{}", accounts.concat()));
    for (name, reason) in [
        ("closed", "the account is disabled"),
        ("old", "the account has expired"),
        ("away", "not from this address"),
    ] {
        let mut control = server.connect();
        control.command(&format!("USER {name}"), 331);
        control.command("PASS right", 530);
        let line = format!("{}: Login failed for \"{name}\": {reason}", control.local());
        let line = server.wait_for_log(&line);
        assert!(line.contains(" WARN  [mioftpd::security] "), "{line}");
    }
}
