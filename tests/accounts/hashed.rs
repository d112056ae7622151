//! Passwords that are kept as hashes.

use std::time::Duration;

use mioftpd::auth::{Account, Accounts, Permissions, Secret, hash_password};
use mioftpd::limits::{LOGINS_WAITING, Throttling};

use crate::Serving;
use crate::support::Control;

/// How many log in at once.
const CROWD: usize = 24;

/// Of `secret`, as cheap as it can be.
const CHEAP_HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

/// Of `secret`, by bcrypt, with costs that nobody would choose to wait for.
const HASH_OF_SECONDS: &str = "$2b$12$abcdefghijklmnopqrstuuT1Iwu6o8Wx7BoOyIMHfgVJq6JO/IJhW";
const HASH_OF_MANY_SECONDS: &str = "$2b$16$abcdefghijklmnopqrstuuCwltwh9yXlJn70oKCHVaHYKxkISg7/q";

fn accounts() -> Accounts {
    slow_accounts(&hash_password(&"secret".into()).unwrap())
}

fn slow_accounts(hash: &str) -> Accounts {
    let ann = Account::new("ann", Secret::hashed(hash).unwrap(), Permissions::ALL);
    let anonymous = Account::anonymous(Permissions::READ);
    Accounts::new().with(ann).with(anonymous)
}

/// As far as the PASS.
fn begin(serving: &Serving) -> Control {
    let mut control = serving.connect();
    control.command("USER ann", 331);
    control
}

#[test]
fn a_hash_is_as_good_as_a_password() {
    let serving = Serving::to(accounts());
    let mut control = serving.connect();
    for (name, password) in [("ann", "Secret"), ("eve", "secret"), ("ann", "")] {
        control.command(&format!("USER {name}"), 331);
        control.command(&format!("PASS {password}"), 530);
    }
    control.log_in("ann", "secret");
    // The commands behind a PASS wait for its answer.
    control.send_raw(b"USER ann\r\nPASS secret\r\nMKD d\r\nCWD d\r\n");
    for code in [331, 230, 257, 250] {
        control.expect(code);
    }
}

#[test]
fn nobody_waits_for_the_logins_of_others() {
    let serving = Serving::to(slow_accounts(HASH_OF_SECONDS));
    let mut crowd: Vec<Control> = (0..CROWD).map(|_| begin(&serving)).collect();
    let mut other = serving.log_in("anonymous", "x");
    std::fs::write(serving.path().join("f"), "content").unwrap();
    for control in &mut crowd {
        control.send("PASS secret");
    }
    // One behind the other, they take many seconds; commands, transfers and plain logins are all
    // served before the last of them is.
    for _ in 0..10 {
        other.command("NOOP", 200);
        assert_eq!(other.retrieve("f"), b"content");
        other.command("MLST f", 250);
    }
    drop(serving.log_in("ftp", "x"));
    let last = crowd.last().unwrap();
    assert!(!last.has_reply(Duration::from_millis(1)), "it has waited");
    crowd[0].expect(230);
    crowd[0].command("NOOP", 200);
}

#[test]
fn beyond_so_many_logins_at_once_others_are_turned_away() {
    let serving = Serving::to(slow_accounts(HASH_OF_MANY_SECONDS));
    // One address may have half of the places.
    let places = 0..LOGINS_WAITING / 2;
    let mut waiting: Vec<Control> = places.map(|_| begin(&serving)).collect();
    for control in &mut waiting {
        control.send("PASS secret");
    }
    // The round trips of its USER come behind all of these.
    let mut beyond = begin(&serving);
    beyond.send("PASS secret");
    beyond.expect(421);
    beyond.expect_end();
    let last = waiting.last().unwrap();
    assert!(
        !last.has_reply(Duration::from_millis(1)),
        "it is not among the many"
    );
    drop(serving.log_in("ftp", "x"));
}

#[test]
fn who_leaves_before_the_answer_is_not_missed() {
    let serving = Serving::to(accounts());
    for _ in 0..3 {
        let mut control = serving.connect();
        control.command("USER ann", 331);
        control.send("PASS secret");
        drop(control);
    }
    drop(serving.log_in("ann", "secret"));
}

#[test]
fn a_right_password_behind_one_wrong_too_many_is_of_no_use() {
    let serving = Serving::to(slow_accounts(CHEAP_HASH));
    for _ in 1..Throttling::default().failures {
        begin(&serving).command("PASS wrong", 530);
    }
    let (mut wrong, mut right) = (begin(&serving), begin(&serving));
    let mut other = serving.log_in("ftp", "x");
    wrong.send("PASS wrong");
    other.command("NOOP", 200);
    right.send("PASS secret");
    for control in [&mut wrong, &mut right] {
        control.expect(421);
        control.expect_end();
    }
    // Whoever is in stays.
    other.command("NOOP", 200);
}

#[test]
fn who_is_kept_out_by_their_account_counts_as_who_guesses() {
    let hashed = Secret::hashed(CHEAP_HASH).unwrap();
    let mut ann = Account::new("ann", hashed, Permissions::ALL);
    ann.enabled = false;
    let serving = Serving::to(Accounts::new().with(ann));
    for _ in 1..Throttling::default().failures {
        begin(&serving).command("PASS secret", 530);
    }
    let mut last = begin(&serving);
    last.command("PASS secret", 421);
    last.expect_end();
}
