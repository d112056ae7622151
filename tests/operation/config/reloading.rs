//! SIGHUP: the keys that a reload changes, for which sessions, and the keys that it does not change.

use std::fs;

use crate::config::world::World;
use crate::support::{Control, Server, connect_from, until};

/// Replaces the configuration, reloads it, and waits for one more `expected` in the log.
pub(crate) fn change(world: &World, server: &Server, text: &str, expected: &str) {
    let before = server.log().matches(expected).count();
    world.write(text);
    server.hang_up();
    until(expected, || {
        (server.log().matches(expected).count() > before).then_some(())
    });
}

pub(crate) const READ: &str = "The configuration was read again";
const KEPT: &str = "The old configuration stays in force";

#[test]
fn reloaded_keys_apply_from_the_next_command() {
    let world = World::new();
    let server = world.start("");
    let mut control = server.login();
    control.command("COMB whole f", 502);
    change(
        &world,
        &server,
        "allow-combine = true\ntime-fractions = true\n[timings]\nidle = \"7m\"\n\
         [passive]\naddress = \"203.0.113.7\"\naddress-for-private = true",
        READ,
    );
    control.command("COMB whole f", 250);
    let reply = control.command("MFMT 20200101000000.25 whole", 213);
    assert!(reply.text().contains("000000.250;"), "{reply:?}");
    let reply = control.command("SITE IDLE", 200);
    assert!(reply.text().contains("420 seconds"), "{reply:?}");
    let reply = control.command("PASV", 227);
    assert!(reply.text().contains("203,0,113,7"), "{reply:?}");
}

#[test]
fn reloaded_accounts_apply_to_new_logins() {
    let world = World::new();
    let server = world.start("");
    fs::write(world.path("secret"), "a secret").unwrap();
    let ann = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"";
    change(&world, &server, ann, READ);
    let mut control = server.connect();
    control.command("USER anonymous", 331);
    control.command("PASS x", 530);
    server.connect().log_in("ann", "a secret");
    // A changed password applies too.
    fs::write(world.path("secret"), "another").unwrap();
    change(&world, &server, ann, READ);
    server.connect().log_in("ann", "another");
}

#[test]
fn reloaded_allow_fxp_applies_from_the_next_command() {
    let world = World::new();
    let account = "[[account]]\nname = \"anonymous\"\nallow-fxp";
    let server = world.start(&format!("{account} = false"));
    let mut first = server.login();
    first.command("PORT 127,0,0,2,200,0", 501);
    change(&world, &server, &format!("{account} = true"), READ);
    first.command("PORT 127,0,0,2,200,0", 200);
    let mut second = server.login();
    second.command("PORT 127,0,0,2,200,0", 200);
    // Without the key the account is more restricted, which is not logged.
    let removed = "[[account]]\nname = \"anonymous\"";
    change(&world, &server, removed, READ);
    server.login().command("PORT 127,0,0,2,200,0", 501);
    // The permission is checked again when the transfer starts.
    second.command("RETR f", 425);
    second.command("PORT 127,0,0,2,200,0", 501);
    assert!(
        !server.log().contains("less restrictive"),
        "{}",
        server.log()
    );
}

#[test]
fn reloaded_account_directory_is_served_within_the_sandbox() {
    let world = World::new();
    fs::create_dir(world.path("root/own")).unwrap();
    fs::create_dir(world.path("elsewhere")).unwrap();
    fs::write(world.path("root/own/mine"), "mine").unwrap();
    let server = world.start("");
    let account = "[[account]]\nname = \"anonymous\"\npermissions = \"all\"\ndirectory";
    change(&world, &server, &format!("{account} = \"root/own\""), READ);
    assert_eq!(server.login().retrieve("mine"), b"mine");
    // The same account with another directory.
    change(&world, &server, &format!("{account} = \"root\""), READ);
    assert_eq!(server.login().retrieve("f"), b"content");
    change(&world, &server, &format!("{account} = \"missing\""), KEPT);
    server.wait_for_log("missing (account.directory of \"anonymous\"): No such file");
    assert_eq!(server.login().retrieve("f"), b"content");
}

#[test]
fn existing_sessions_count_against_a_reloaded_limit() {
    let world = World::new();
    let account = "[[account]]\nname = \"anonymous\"\nsessions";
    let server = world.start(&format!("{account} = 3"));
    let mut session = server.login();
    change(&world, &server, &format!("{account} = 1"), READ);
    let mut other = server.connect();
    other.command("USER ftp", 331);
    other.command("PASS x", 421);
    session.command("NOOP", 200);
}

#[test]
fn reload_changes_limits_addresses_and_log_level() {
    let world = World::new();
    let server = world.start("");
    let mut session = server.login();
    change(
        &world,
        &server,
        "[limits]\nconnections-per-address = 1\n[addresses]\ndeny = [\"127.0.0.3\"]\n\
         [log]\nlevel = \"debug\"",
        READ,
    );
    Control::silent(server.address()).expect(421);
    let there = |last| connect_from([127, 0, 0, last].into(), server.address()).unwrap();
    let mut other = Control::over(there(2));
    other.expect(220);
    Control::over(there(3)).expect_end();
    other.command("QUIT", 221);
    server.wait_for_log("DEBUG");
    session.command("NOOP", 200);
    change(&world, &server, "[addresses]\ndeny = []", READ);
    server.wait_for_log("addresses.deny is less restrictive than before: no address is denied");
    server.connect();
}

#[test]
fn restart_only_keys_are_logged_and_kept() {
    let world = World::new();
    let server = world.start("");
    fs::create_dir(world.path("other")).unwrap();
    let text = "directory = \"other\"\nlisten = \"127.0.0.5:0\"\nworkers = 5\nbusy-poll = \"50us\"\n\
        sandbox = false\numask = \"077\"\n[storage]\ndurability = \"fsync\"\n\
        [passive]\nports = \"5000-5001\"\n[active]\nfrom-default-port = true";
    change(&world, &server, text, READ);
    for key in [
        "directory",
        "listen",
        "workers",
        "busy-poll",
        "sandbox",
        "umask",
        "storage.durability",
        "passive.ports",
        "active.from-default-port",
    ] {
        server.wait_for_log(&format!(
            "{key} has changed, which takes effect at the next start"
        ));
    }
    assert_eq!(server.login().retrieve("f"), b"content");
}

#[test]
fn invalid_file_at_reload_is_logged_and_changes_nothing() {
    let world = World::new();
    let server = world.start("[passive]\naddress = \"203.0.113.7\"\naddress-for-private = true");
    let mut control = server.login();
    for (text, expected) in [
        (
            "allow-combine = true\n[passive]\naddress = 7",
            "config.toml:5:11: passive.address: invalid value 7",
        ),
        ("nonsense", "config.toml:"),
    ] {
        change(&world, &server, text, KEPT);
        let output = world.run(&["--check"]);
        let message = String::from_utf8(output.stderr).unwrap();
        let message = message.strip_prefix("mioftpd: ").unwrap().trim_end();
        assert!(message.contains(expected), "{message}");
        server.wait_for_log(&format!("{KEPT}: {message}"));
    }
    control.command("COMB whole f", 502);
    assert!(control.command("PASV", 227).text().contains("203,0,113,7"));
    fs::remove_file(world.file()).unwrap();
    server.hang_up();
    server.wait_for_log("config.toml: No such file");
    server.login();
}

#[test]
#[cfg(feature = "tls")]
fn reload_enables_and_changes_tls() {
    use crate::config::secure::Secure;

    let world = World::new();
    let server = world.start("");
    server.connect().command("AUTH TLS", 502);
    let first = crate::config::tls::make_files(&world);
    let files = "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    change(&world, &server, files, READ);
    let mut session = Secure::auth(&server, None);
    assert_eq!(session.certificate(), first);
    let second = crate::config::tls::make_files(&world);
    change(&world, &server, &format!("{files}require = \"data\""), READ);
    assert_eq!(Secure::auth(&server, None).certificate(), second);
    session.command("NOOP", 200);
    server.connect().command("USER anonymous", 530);
    // The new file applies, with the old certificate.
    fs::write(world.path("key.pem"), "no key").unwrap();
    let open = format!("{files}require = \"none\"");
    change(&world, &server, &open, READ);
    server.wait_for_log("tls.require is less restrictive than before: more is allowed without TLS");
    server.wait_for_log("The old certificate stays");
    assert_eq!(Secure::auth(&server, None).certificate(), second);
    server.login();
}

#[test]
#[cfg(feature = "tls")]
fn reload_with_missing_certificate_is_refused() {
    let world = World::new();
    let server = world.start("");
    let text = "allow-combine = true\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"";
    change(&world, &server, text, KEPT);
    server.login().command("COMB whole f", 502);
}
