//! Quotas and SIGHUP: existing sessions get the new quota, and directories that were not counted are
//! counted.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use crate::config::accounts::store;
use crate::config::reloading::{READ, change};
use crate::config::world::World;
use crate::support::{Server, until};

/// An anonymous account with its own directory and a quota.
fn quota(directory: &str, bytes: u32) -> String {
    format!(
        "[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n\
         directory = \"{directory}\"\nquota-bytes = {bytes}\n"
    )
}

fn with_own() -> World {
    let world = World::new();
    fs::create_dir(world.path("root/own")).unwrap();
    symlink("own", world.path("root/same")).unwrap();
    world
}

fn serve(world: &World) -> Server {
    let server = world.start(&quota("root/own", 2_000));
    assert_eq!(store(&mut server.login(), "one", b"1"), 226);
    server
}

#[test]
fn reload_shares_usage_between_old_and_new_sessions() {
    for directory in ["root/own", "root/same"] {
        let world = with_own();
        let server = serve(&world);
        let mut session = server.login();
        change(&world, &server, &quota(directory, 3_000), READ);
        if directory == "root/same" {
            // Another path counts as another directory, which ends the session.
            session.expect(421);
            session = server.login();
        }
        let mut other = server.login();
        // The existing session has the new quota.
        assert_eq!(store(&mut session, "two", &[b'x'; 2_500]), 226);
        assert_eq!(store(&mut other, "three", &[b'x'; 500]), 552);
        assert_eq!(store(&mut other, "three", &[b'x'; 499]), 226);
        assert_eq!(store(&mut session, "four", b"4"), 552);
        session.command("DELE two", 250);
        assert_eq!(store(&mut other, "four", &[b'x'; 2_500]), 226);
    }
}

#[test]
fn reload_counts_external_files_for_all_sessions() {
    let world = with_own();
    let server = serve(&world);
    let mut session = server.login();
    fs::write(world.path("root/own/other"), [b'x'; 1_000]).unwrap();
    change(&world, &server, &quota("root/own", 3_000), READ);
    let mut other = server.login();
    for (control, left) in [(&mut session, "1999"), (&mut other, "1999")] {
        until("the count", || {
            (control.command("AVBL", 213).text() == left).then_some(())
        });
    }
}

#[test]
fn directory_is_counted_when_it_gets_a_quota() {
    let world = with_own();
    fs::write(world.path("root/own/other"), [b'x'; 1_000]).unwrap();
    let server = world.start("");
    change(&world, &server, &quota("root/own", 2_000), READ);
    assert_eq!(store(&mut server.login(), "one", &[b'x'; 1_001]), 552);
    // The same after a time without a quota.
    let unlimited = quota("root/own", 0).replace("quota-bytes = 0", "");
    change(&world, &server, &unlimited, READ);
    server.wait_for_log("account.quota-bytes of anonymous is less restrictive than before");
    fs::write(world.path("root/own/other"), b"").unwrap();
    change(&world, &server, &quota("root/own", 2_000), READ);
    assert_eq!(store(&mut server.login(), "one", &[b'x'; 2_000]), 226);
}

#[test]
fn replaced_directory_is_counted_again() {
    let world = with_own();
    // The sandbox would deny the new directory.
    let with = |bytes| format!("sandbox = false\n{}", quota("root/own", bytes));
    let server = world.start(&with(2_000));
    assert_eq!(store(&mut server.login(), "one", b"1"), 226);
    fs::rename(world.path("root/own"), world.path("root/old")).unwrap();
    fs::create_dir(world.path("root/own")).unwrap();
    fs::write(world.path("root/own/other"), [b'x'; 1_000]).unwrap();
    change(&world, &server, &with(2_001), READ);
    assert_eq!(store(&mut server.login(), "one", &[b'x'; 1_002]), 552);
}

#[test]
fn directory_reached_by_symlink_shares_usage() {
    let world = with_own();
    fs::write(world.path("secret"), "secret").unwrap();
    let ann = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"all\"\n\
         directory = \"root/same\"\nquota-bytes = 2000";
    let server = world.start(&(quota("root/own", 2_000) + ann));
    assert_eq!(store(&mut server.login(), "one", &[b'x'; 1_500]), 226);
    let mut control = server.connect();
    control.log_in("ann", "secret");
    assert_eq!(store(&mut control, "two", &[b'x'; 1_500]), 552);
}

#[test]
fn removed_target_gives_no_discount_to_replacing_upload() {
    let world = with_own();
    let server = world.start(&quota("root/own", 2_000));
    let (mut one, mut other) = (server.login(), server.login());
    assert_eq!(store(&mut one, "x", &[b'x'; 2_000]), 226);
    let mut data = one.passive().stream();
    one.command("STOR x", 150);
    other.command("DELE x", 250);
    // The server may close the connection before the end.
    let _ = data.write_all(&[b'x'; 2_001]);
    drop(data);
    one.expect(552);
    assert_eq!(store(&mut other, "x", &[b'x'; 2_000]), 226);
}

#[test]
fn removed_file_being_appended_uses_no_quota() {
    let world = with_own();
    let server = world.start(&quota("root/own", 2_000));
    let (mut one, mut other) = (server.login(), server.login());
    assert_eq!(store(&mut one, "x", b"1"), 226);
    let mut data = one.passive().stream();
    one.command("APPE x", 150);
    other.command("DELE x", 250);
    data.write_all(&[b'x'; 1_999]).unwrap();
    drop(data);
    one.expect(451);
    assert_eq!(other.command("AVBL", 213).text(), "2000");
}
