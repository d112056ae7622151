//! Logins to accounts with password hashes.

use std::time::Duration;

use mioftpd::internals::limits::LOGINS_QUEUED;
use mioftpd::{Account, Accounts, Permissions, Secret, Throttling, hash_password};

use crate::accounts::TestServer;
use crate::support::Control;

/// Concurrent logins.
const CONCURRENT: usize = 24;

/// Of `secret`, with the lowest cost of bcrypt.
const CHEAP_HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

/// Of `secret`, by bcrypt, with high costs.
const HASH_OF_SECONDS: &str = "$2b$12$abcdefghijklmnopqrstuuT1Iwu6o8Wx7BoOyIMHfgVJq6JO/IJhW";
const HASH_OF_MANY_SECONDS: &str = "$2b$14$abcdefghijklmnopqrstuug2/T3netL3BPRcnafSaAr9lEfTNoLyC";

fn accounts() -> Accounts {
    slow_accounts(&hash_password(&"secret".into()).unwrap())
}

fn slow_accounts(hash: &str) -> Accounts {
    let ann = Account::new("ann", Secret::hashed(hash).unwrap(), Permissions::ALL);
    let anonymous = Account::anonymous(Permissions::READ);
    Accounts::new().with(ann).with(anonymous)
}

/// A connection that has sent USER.
fn claim_ann(server: &TestServer) -> Control {
    let mut control = server.connect();
    control.command("USER ann", 331);
    control
}

#[test]
fn hashed_password_logs_in() {
    let server = TestServer::with_accounts(accounts());
    let mut control = server.connect();
    for (name, password) in [("ann", "Secret"), ("eve", "secret"), ("ann", "")] {
        control.command(&format!("USER {name}"), 331);
        control.command(&format!("PASS {password}"), 530);
    }
    control.log_in("ann", "secret");
    // Commands pipelined after PASS wait for its reply.
    control.send_raw(b"USER ann\r\nPASS secret\r\nMKD d\r\nCWD d\r\n");
    for code in [331, 230, 257, 250] {
        control.expect(code);
    }
}

#[test]
fn slow_logins_delay_no_other_client() {
    let server = TestServer::with_accounts(slow_accounts(HASH_OF_SECONDS));
    let mut waiting: Vec<Control> = (0..CONCURRENT).map(|_| claim_ann(&server)).collect();
    let mut other = server.log_in("anonymous", "x");
    std::fs::write(server.path().join("f"), "content").unwrap();
    for control in &mut waiting {
        control.send("PASS secret");
    }
    // The hashes are computed one after the other, in many seconds; commands, transfers and anonymous
    // logins are served before the last of them.
    for _ in 0..10 {
        other.command("NOOP", 200);
        assert_eq!(other.retrieve("f"), b"content");
        other.command("MLST f", 250);
    }
    drop(server.log_in("ftp", "x"));
    let last = waiting.last().unwrap();
    assert!(
        !last.has_reply(Duration::from_millis(1)),
        "the last login ended too early"
    );
    waiting[0].expect(230);
    waiting[0].command("NOOP", 200);
}

#[test]
fn full_login_queue_replies_421() {
    let server = TestServer::with_accounts(slow_accounts(HASH_OF_MANY_SECONDS));
    // One address may have half of the queue.
    let share = 0..LOGINS_QUEUED / 2;
    let mut waiting: Vec<Control> = share.map(|_| claim_ann(&server)).collect();
    for control in &mut waiting {
        control.send("PASS secret");
    }
    // Its USER is answered after all of these have been queued.
    let mut beyond = claim_ann(&server);
    beyond.send("PASS secret");
    beyond.expect(421);
    beyond.expect_end();
    let last = waiting.last().unwrap();
    assert!(
        !last.has_reply(Duration::from_millis(1)),
        "the last queued login ended too early"
    );
    drop(server.log_in("ftp", "x"));
}

#[test]
fn client_may_disconnect_during_verification() {
    let server = TestServer::with_accounts(accounts());
    for _ in 0..3 {
        let mut control = server.connect();
        control.command("USER ann", 331);
        control.send("PASS secret");
        drop(control);
    }
    drop(server.log_in("ann", "secret"));
}

#[test]
fn right_password_is_refused_once_banned() {
    let server = TestServer::with_accounts(slow_accounts(CHEAP_HASH));
    for _ in 1..Throttling::default().failures {
        claim_ann(&server).command("PASS wrong", 530);
    }
    let (mut wrong, mut right) = (claim_ann(&server), claim_ann(&server));
    let mut other = server.log_in("ftp", "x");
    wrong.send("PASS wrong");
    other.command("NOOP", 200);
    right.send("PASS secret");
    for control in [&mut wrong, &mut right] {
        control.expect(421);
        control.expect_end();
    }
    // The ban does not end logged-in sessions.
    other.command("NOOP", 200);
}

#[test]
fn logins_to_a_disabled_account_count_as_failures() {
    let hashed = Secret::hashed(CHEAP_HASH).unwrap();
    let mut ann = Account::new("ann", hashed, Permissions::ALL);
    ann.enabled = false;
    let server = TestServer::with_accounts(Accounts::new().with(ann));
    for _ in 1..Throttling::default().failures {
        claim_ann(&server).command("PASS secret", 530);
    }
    let mut last = claim_ann(&server);
    last.command("PASS secret", 421);
    last.expect_end();
}
