//! Who may log in, and what they may do.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::support::{Control, Server, connect_from, epsv_port, host_port, until};
use crate::world::{World, text};

/// An account that is called ann, with its password in a file.
const ANN: &str =
    "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n";

/// A server with ann, of whom more is said.
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

fn is_refused(server: &Server, name: &str, password: &str) {
    let mut control = server.connect();
    control.command(&format!("USER {name}"), 331);
    control.command(&format!("PASS {password}"), 530);
}

/// `account.name` `account.password-file`
#[test]
fn who_is_written_may_log_in() {
    let world = World::new();
    let server = with_ann(&world, "");
    ann(&server).command("MKD new", 257);
    for (name, password) in [("ann", "another"), ("anonymous", "x"), ("bob", "a secret")] {
        is_refused(&server, name, password);
    }
    assert!(!server.log().contains("a secret"), "{}", server.log());
}

/// `account.password`
#[test]
fn a_hash_is_enough() {
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
    is_refused(&server, "bob", "another");
    is_refused(&server, "bob", HASH);
    // In a file it is a hash too.
    fs::write(world.path("hash"), format!("{HASH}\n")).unwrap();
    let server = world.start("[[account]]\nname = \"bob\"\npassword-file = \"hash\"");
    server.connect().log_in("bob", "secret");
}

/// `account.pam`
#[test]
fn pam_is_asked_about_them() {
    let world = World::new();
    let bob = "[[account]]\nname = \"bob\"\npam = \"mioftpd-no-such-service\"";
    if !cfg!(feature = "pam") {
        world.write(bob);
        let output = world.run(&[]);
        assert_eq!(output.status.code(), Some(2));
        return assert!(text(&output.stderr).contains("config.toml:5:7: account.pam: this build"));
    }
    // What it says where it knows the service, tests/system_accounts.rs sees.
    let server = world.start(bob);
    is_refused(&server, "bob", "secret");
    server.wait_for_log("PAM (mioftpd-no-such-service) refuses bob: ");
}

/// `account.directory`
#[test]
fn they_see_a_directory_of_their_own() {
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
fn they_may_do_what_their_permissions_say() {
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
fn data_goes_to_other_hosts_for_accounts_that_may() {
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
    // A passive port takes a connection from elsewhere for the same account alone.
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
    server.wait_for_log("Turned 127.0.0.3 away from the passive port");
    assert_eq!(from_elsewhere(&mut ann(&server)).unwrap(), b"f\r\n");
}

/// `account.enabled`
#[test]
fn an_account_can_be_closed() {
    let world = World::new();
    is_refused(&with_ann(&world, "enabled = false"), "ann", "a secret");
    ann(&with_ann(&world, "enabled = true"));
}

/// `account.expires`
#[test]
fn an_account_ends() {
    let world = World::new();
    for moment in [
        "2001-02-03",
        "2001-02-03T04:05:06Z",
        "2001-02-03 04:05:06+07:00",
    ] {
        let server = with_ann(&world, &format!("expires = {moment}"));
        is_refused(&server, "ann", "a secret");
    }
    ann(&with_ann(&world, "expires = 9999-12-31"));
}

/// `account.addresses`
#[test]
fn they_come_from_where_they_may() {
    let world = World::new();
    let server = with_ann(&world, "addresses = [\"127.0.0.2\"]");
    is_refused(&server, "ann", "a secret");
    let there = Ipv4Addr::new(127, 0, 0, 2);
    let mut control = Control::over(connect_from(there, server.address()).unwrap());
    control.expect(220);
    control.log_in("ann", "a secret");
}

/// `account.sessions`
#[test]
fn so_many_are_there_at_once() {
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
    until("the place of the first", || {
        let mut control = server.connect();
        control.command("USER ann", 331);
        control.send("PASS a secret");
        (control.expect_one_of(&[230, 421]).code == 230).then_some(())
    });
}

/// `account.umask`
#[test]
fn what_they_make_lacks_what_their_umask_says() {
    let world = World::new();
    let server = with_ann(&world, "umask = \"037\"");
    ann(&server).store("new", b"");
    let mode = fs::metadata(world.path("root/new")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
}

/// `account.greeting`
#[test]
fn they_are_greeted() {
    let world = World::new();
    let server = with_ann(&world, "greeting = \"Good morning.\"");
    let mut control = server.connect();
    control.command("USER ann", 331);
    assert_eq!(
        control.command("PASS a secret", 230).text(),
        "Good morning."
    );
}

/// What is too much for a second.
const RATE: &str = "\"100kB\"";
const BYTES: usize = 250_000;

/// `account.rate-up`
#[test]
fn uploads_are_no_faster() {
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
fn downloads_are_no_faster() {
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

/// What is answered in the end to an upload.
pub(crate) fn store(control: &mut Control, name: &str, bytes: &[u8]) -> u16 {
    let mut data = control.passive().stream();
    control.send(&format!("STOR {name}"));
    let code = control.expect_one_of(&[150, 552]).code;
    if code == 552 {
        return code;
    }
    // The server may end it in between.
    let _ = data.write_all(bytes);
    drop(data);
    control.expect_one_of(&[226, 552]).code
}

/// `account.quota-bytes`
#[test]
fn their_files_have_no_more_bytes_together() {
    let world = World::new();
    let server = with_ann(&world, "quota-bytes = \"20KiB\"");
    let mut control = ann(&server);
    assert_eq!(store(&mut control, "one", &[b'x'; 15_000]), 226);
    assert_eq!(store(&mut control, "two", &[b'x'; 15_000]), 552);
}

/// `account.quota-files`
#[test]
fn they_have_no_more_files() {
    let world = World::new();
    let server = with_ann(&world, "quota-files = 2");
    let mut control = ann(&server);
    assert_eq!(store(&mut control, "one", b""), 226);
    assert_eq!(store(&mut control, "two", b""), 552);
}
