//! `account.shadow`: passwords of system users from a file in the format of shadow(5).
//!
//! The files are made by the tests, with hashes of the schemes that systems write. What a client hears of a
//! locked user is what it hears of a wrong password; only the log tells them apart.

use std::fs;

use crate::config::accounts::assert_login_refused;
use crate::config::reloading::{READ, change};
use crate::config::world::{World, text};

/// `account.shadow`
#[test]
fn shadow_key_takes_the_hash_of_the_system_user() {
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let world = World::new();
    let users = |bob: &str| {
        let text = format!("bob:{bob}:19000:0:99999:7:::\neve:!{HASH}:19000::::::\n");
        fs::write(world.path("shadow"), text).unwrap();
    };
    users(HASH);
    let account = |name| format!("[[account]]\nname = \"{name}\"\nshadow = \"shadow\"\n");
    let both = account("bob") + &account("eve");
    let server = world.start(&both);
    let mut session = server.connect();
    session.log_in("bob", "secret");
    assert_login_refused(&server, "bob", "secreT");
    for password in ["secret", "", "x"] {
        assert_login_refused(&server, "eve", password);
    }
    // The log says what the client is not told.
    assert!(server.log().contains(
        "The account \"eve\" cannot log in: its user is locked; set a password with passwd"
    ));
    let denied = "Login failed for \"eve\": the account is disabled";
    assert_eq!(server.log().matches(denied).count(), 3, "{}", server.log());
    // A user who is locked loses the session at a reload.
    users(&format!("!{HASH}"));
    server.hang_up();
    session.expect(421);
    assert_login_refused(&server, "bob", "secret");
    // Expired since 1970.
    fs::write(world.path("shadow"), format!("bob:{HASH}:1::::2:3:\n")).unwrap();
    drop(server);
    let server = world.start(&account("bob"));
    for password in ["secret", "x"] {
        assert_login_refused(&server, "bob", password);
    }
    let denied = "Login failed for \"bob\": the account has expired";
    assert_eq!(server.log().matches(denied).count(), 2, "{}", server.log());
    assert!(server.log().contains("The account \"bob\" cannot log in"));
    drop(server);
    world.write(&account("ann"));
    let output = world.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("account.shadow") && message.contains("no user \"ann\""),
        "{message}"
    );
}

/// `account.shadow`: what systems write, each of them of one password by crypt(3); gost-yescrypt is refused.
#[test]
fn shadow_key_takes_the_schemes_of_systems() {
    let world = World::new();
    let accounts = [
        (
            "fedora",
            "$y$j9T$f6jdeR1jgP3hawxZLNm7T/$1jkxg5r.Z/VcKFtP/l.F9lT7vC/DZp/95vDyv0PE.AD",
        ),
        (
            "older",
            "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
        ),
    ];
    let line = |(name, hash): (&str, &str)| format!("{name}:{hash}:19000:0:99999:7:::\n");
    let keys = |name: &str| format!("[[account]]\nname = \"{name}\"\nshadow = \"shadow\"\n");
    fs::write(world.path("shadow"), accounts.map(line).concat()).unwrap();
    let server = world.start(&accounts.map(|(name, _)| keys(name)).concat());
    for (name, _) in accounts {
        server.connect().log_in(name, "secret");
        assert_login_refused(&server, name, "secreT");
    }
    let gost = "$gy$j9T$eY46f1hj2prNMehwhy2bQ.$P4RhGfZe2pEm136qf0SRi9z9Lw/CK6Q0E9W1hhDHmgB";
    fs::write(world.path("shadow"), line(("alt", gost))).unwrap();
    world.write(&keys("alt"));
    let output = world.run(&[]);
    let message = text(&output.stderr);
    assert!(
        message.contains("user \"alt\": a hash begins with")
            && message.contains("set the password again"),
        "{message}"
    );
    assert_eq!(output.status.code(), Some(2));
}

/// As by `passwd -l` and `passwd -u`, and by `chage -d 0` and a new password. Neither is a key of the
/// configuration that was lost.
#[test]
fn shadow_user_may_be_locked_and_unlocked() {
    const HASH: &str = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA";
    let world = World::new();
    let write = |line: &str| fs::write(world.path("shadow"), format!("bob:{line}\n")).unwrap();
    write(&format!("{HASH}:19000:0:99999:7::20000:"));
    let both =
        "[[account]]\nname = \"bob\"\nshadow = \"shadow\"\n[[account]]\nname = \"anonymous\"\n";
    let server = world.start(both);
    assert_login_refused(&server, "bob", "secret");
    for (line, is_open) in [
        (format!("!{HASH}:19000:0:99999:7:::"), false),
        (format!("{HASH}:19000:0:99999:7:::"), true),
        (format!("{HASH}:0:0:99999:7:::"), false),
        (format!("{HASH}:19000::::::"), true),
    ] {
        write(&line);
        change(&world, &server, both, READ);
        if is_open {
            server.connect().log_in("bob", "secret");
        } else {
            assert_login_refused(&server, "bob", "secret");
        }
    }
}
