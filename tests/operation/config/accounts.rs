//! The keys of an `[[account]]`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::config::world::{World, text};
use crate::support::{Control, Server, connect_from, epsv_port, host_port, until};

/// The account ann, with a password file.
const ANN: &str =
    "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";

/// A server with the account ann and more keys.
pub(crate) fn with_ann(world: &World, more: &str) -> Server {
    fs::write(world.path("secret"), "a secret\nand a remark\n").unwrap();
    world.start(&format!("{ANN}{more}"))
}

pub(crate) fn ann(server: &Server) -> Control {
    let mut control = server.connect();
    control.log_in("ann", "a secret");
    control.command("TYPE I", 200);
    control
}

pub(crate) fn assert_login_refused(server: &Server, name: &str, password: &str) {
    let mut control = server.connect();
    control.command(&format!("USER {name}"), 331);
    control.command(&format!("PASS {password}"), 530);
}

/// `account.name` `account.password-file`
#[test]
fn configured_account_can_log_in_and_others_cannot() {
    let world = World::new();
    let server = with_ann(&world, "");
    ann(&server).command("MKD new", 257);
    for (name, password) in [("ann", "another"), ("anonymous", "x"), ("bob", "a secret")] {
        assert_login_refused(&server, name, password);
    }
    assert!(!server.log().contains("a secret"), "{}", server.log());
}

/// `account.password`
#[test]
fn hashed_password_is_verified() {
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let world = World::new();
    let bob = format!("[[account]]\nname = \"bob\"\npassword = \"{HASH}\"");
    if !cfg!(feature = "hashed-passwords") {
        world.write(&bob);
        let output = world.run(&[]);
        assert_eq!(output.status.code(), Some(2));
        return assert!(text(&output.stderr).contains("--features hashed-passwords"));
    }
    let server = world.start(&bob);
    server.connect().log_in("bob", "secret");
    assert_login_refused(&server, "bob", "another");
    assert_login_refused(&server, "bob", HASH);
    // The same hash in a password file.
    fs::write(world.path("hash"), format!("{HASH}\n")).unwrap();
    let server = world.start("[[account]]\nname = \"bob\"\npassword-file = \"hash\"");
    server.connect().log_in("bob", "secret");
}

/// `account.pam`
#[test]
fn pam_account_is_verified_by_pam() {
    let world = World::new();
    let bob = "[[account]]\nname = \"bob\"\npam = \"mioftpd-no-such-service\"";
    if !cfg!(feature = "pam") {
        world.write(bob);
        let output = world.run(&[]);
        assert_eq!(output.status.code(), Some(2));
        return assert!(text(&output.stderr).contains("config.toml:5:7: account.pam: this build"));
    }
    // access::system_accounts covers services that exist.
    let server = world.start(bob);
    assert_login_refused(&server, "bob", "secret");
    server.wait_for_log("PAM (mioftpd-no-such-service) refuses bob: ");
}

/// `account.directory`
#[test]
fn account_directory_is_served() {
    let world = World::new();
    fs::create_dir(world.path("own")).unwrap();
    let server = with_ann(&world, "directory = \"own\"");
    let mut control = ann(&server);
    control.command("SIZE f", 550);
    control.store("mine", b"content");
    assert!(world.path("own/mine").exists());
}

/// `account.permissions`
#[test]
fn permissions_limit_commands() {
    let world = World::new();
    for (permissions, make, take) in [
        ("\"read\"", 550, 150),
        ("[\"create\", \"make-directories\"]", 257, 550),
    ] {
        let account = "[[account]]\nname = \"anonymous\"\npermissions";
        let server = world.start(&format!("{account} = {permissions}"));
        let mut control = server.login();
        control.command("MKD new", make);
        drop(control.passive());
        control.command("RETR f", take);
    }
}

/// `account.allow-fxp`
#[test]
fn allow_fxp_permits_data_connections_to_other_hosts() {
    let other = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    let port = format!("PORT {}", host_port(other.local_addr().unwrap()));
    let world = World::new();
    let server = with_ann(
        &world,
        "allow-fxp = true\n[[account]]\nname = \"anonymous\"",
    );
    let mut control = ann(&server);
    control.command(&port, 200);
    control.command("REIN", 220);
    control.log_in("anonymous", "x");
    control.command(&port, 501);
    // A passive port accepts another host for an account with the key only.
    let from_elsewhere = |control: &mut Control| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, epsv_port(control)));
        let mut stream = connect_from(Ipv4Addr::new(127, 0, 0, 3), address).unwrap();
        control.send("NLST");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).map(|_| read)
    };
    assert_ne!(from_elsewhere(&mut control).ok(), Some(b"f\r\n".to_vec()));
    server.wait_for_log("Closed a connection from 127.0.0.3 to a passive port");
    assert_eq!(from_elsewhere(&mut ann(&server)).unwrap(), b"f\r\n");
}

/// `account.enabled`
#[test]
fn disabled_account_is_refused() {
    let world = World::new();
    assert_login_refused(&with_ann(&world, "enabled = false"), "ann", "a secret");
    ann(&with_ann(&world, "enabled = true"));
}

/// `account.expires`
#[test]
fn expired_account_is_refused() {
    let world = World::new();
    for moment in [
        "2001-02-03",
        "2001-02-03T04:05:06Z",
        "2001-02-03 04:05:06+07:00",
    ] {
        let server = with_ann(&world, &format!("expires = {moment}"));
        assert_login_refused(&server, "ann", "a secret");
    }
    ann(&with_ann(&world, "expires = 9999-12-31"));
}

/// `account.addresses`
#[test]
fn login_is_limited_to_account_addresses() {
    let world = World::new();
    let server = with_ann(&world, "addresses = [\"127.0.0.2\"]");
    assert_login_refused(&server, "ann", "a secret");
    let there = Ipv4Addr::new(127, 0, 0, 2);
    let mut control = Control::over(connect_from(there, server.address()).unwrap());
    control.expect(220);
    control.log_in("ann", "a secret");
}

/// `account.sessions`
#[test]
fn sessions_of_account_are_limited() {
    let world = World::new();
    let server = with_ann(&world, "sessions = 1");
    let mut first = ann(&server);
    let mut second = server.connect();
    second.command("USER ann", 331);
    assert!(second.command("PASS a secret", 421).text().contains("many"));
    server.wait_for_log(": too many sessions of this account (account.sessions)");
    first.command("QUIT", 221);
    first.expect_end();
    drop(first);
    until("the end of the first session", || {
        let mut control = server.connect();
        control.command("USER ann", 331);
        control.send("PASS a secret");
        (control.expect_one_of(&[230, 421]).code == 230).then_some(())
    });
}

/// `account.umask`
#[test]
fn account_umask_applies_to_new_files() {
    let world = World::new();
    let server = with_ann(&world, "umask = \"037\"");
    ann(&server).store("new", b"");
    let mode = fs::metadata(world.path("root/new")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
}

/// `account.greeting`
#[test]
fn account_greeting_is_sent_after_login() {
    let world = World::new();
    let server = with_ann(&world, "greeting = \"Good morning.\"");
    let mut control = server.connect();
    control.command("USER ann", 331);
    assert_eq!(
        control.command("PASS a secret", 230).text(),
        "Good morning."
    );
}

/// At this rate `BYTES` take more than two seconds.
const RATE: &str = "\"100kB\"";
const BYTES: usize = 250_000;

/// `account.rate-up`
#[test]
fn upload_rate_is_limited() {
    let world = World::new();
    let server = with_ann(&world, &format!("rate-up = {RATE}"));
    let mut control = ann(&server);
    let mut data = control.passive().stream();
    control.command("STOR new", 150);
    let begin = Instant::now();
    data.write_all(&vec![b'x'; BYTES]).unwrap();
    drop(data);
    control.expect(226);
    assert!(begin.elapsed() > Duration::from_secs(1));
}

/// `account.rate-down`
#[test]
fn download_rate_is_limited() {
    let world = World::new();
    fs::write(world.path("root/large"), vec![b'x'; BYTES]).unwrap();
    let server = with_ann(&world, &format!("rate-down = {RATE}"));
    let mut control = ann(&server);
    let mut data = control.passive().stream();
    control.command("RETR large", 150);
    let begin = Instant::now();
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() == BYTES && begin.elapsed() > Duration::from_secs(1));
    control.expect(226);
}

/// The code of the final reply to an upload.
pub(crate) fn store(control: &mut Control, name: &str, bytes: &[u8]) -> u16 {
    let mut data = control.passive().stream();
    control.send(&format!("STOR {name}"));
    let code = control.expect_one_of(&[150, 552]).code;
    if code == 552 {
        return code;
    }
    // The server may close the connection before the end.
    let _ = data.write_all(bytes);
    drop(data);
    control.expect_one_of(&[226, 552]).code
}

/// `account.quota-bytes`
#[test]
fn quota_bytes_limits_uploads() {
    let world = World::new();
    let server = with_ann(&world, "quota-bytes = \"20KiB\"");
    let mut control = ann(&server);
    assert_eq!(store(&mut control, "one", &[b'x'; 15_000]), 226);
    assert_eq!(store(&mut control, "two", &[b'x'; 15_000]), 552);
}

/// `account.quota-files`
#[test]
fn quota_files_limits_uploads() {
    let world = World::new();
    let server = with_ann(&world, "quota-files = 2");
    let mut control = ann(&server);
    assert_eq!(store(&mut control, "one", b""), 226);
    assert_eq!(store(&mut control, "two", b""), 552);
}
