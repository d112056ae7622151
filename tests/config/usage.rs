//! Quotas and SIGHUP: whoever is in has the new quota, and what nobody has counted is counted then.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use crate::accounts::store;
use crate::reloading::{READ, change};
use crate::support::{Server, until};
use crate::world::World;

/// Anonymous clients have a directory of their own, with so many bytes.
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
fn who_is_in_and_who_comes_later_count_together() {
    for directory in ["root/own", "root/same"] {
        let world = with_own();
        let server = serve(&world);
        let mut inside = server.login();
        change(&world, &server, &quota(directory, 3_000), READ);
        if directory == "root/same" {
            // What it had was another directory, as far as its account says.
            inside.expect(421);
            inside = server.login();
        }
        let mut other = server.login();
        // Who is in has the new quota.
        assert_eq!(store(&mut inside, "two", &[b'x'; 2_500]), 226);
        assert_eq!(store(&mut other, "three", &[b'x'; 500]), 552);
        assert_eq!(store(&mut other, "three", &[b'x'; 499]), 226);
        assert_eq!(store(&mut inside, "four", b"4"), 552);
        inside.command("DELE two", 250);
        assert_eq!(store(&mut other, "four", &[b'x'; 2_500]), 226);
    }
}

#[test]
fn what_others_put_there_is_counted_by_who_is_in_and_who_comes_later() {
    let world = with_own();
    let server = serve(&world);
    let mut inside = server.login();
    fs::write(world.path("root/own/other"), [b'x'; 1_000]).unwrap();
    change(&world, &server, &quota("root/own", 3_000), READ);
    let mut other = server.login();
    for (control, left) in [(&mut inside, "1999"), (&mut other, "1999")] {
        until("the count", || {
            (control.command("AVBL", 213).text() == left).then_some(())
        });
    }
}

#[test]
fn what_gets_its_first_quota_is_counted() {
    let world = with_own();
    fs::write(world.path("root/own/other"), [b'x'; 1_000]).unwrap();
    let server = world.start("");
    change(&world, &server, &quota("root/own", 2_000), READ);
    assert_eq!(store(&mut server.login(), "one", &[b'x'; 1_001]), 552);
    // And again where it had none in between.
    let unlimited = quota("root/own", 0).replace("quota-bytes = 0", "");
    change(&world, &server, &unlimited, READ);
    server.wait_for_log("account.quota-bytes of anonymous no longer closes what it did");
    fs::write(world.path("root/own/other"), b"").unwrap();
    change(&world, &server, &quota("root/own", 2_000), READ);
    assert_eq!(store(&mut server.login(), "one", &[b'x'; 2_000]), 226);
}

#[test]
fn another_directory_by_the_same_name_is_another_one() {
    let world = with_own();
    // Inside the sandbox it could not be reached.
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
fn two_accounts_have_one_directory_by_two_names() {
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
fn what_another_removes_meanwhile_is_no_room_for_what_was_to_replace_it() {
    let world = with_own();
    let server = world.start(&quota("root/own", 2_000));
    let (mut one, mut other) = (server.login(), server.login());
    assert_eq!(store(&mut one, "x", &[b'x'; 2_000]), 226);
    let mut data = one.passive().stream();
    one.command("STOR x", 150);
    other.command("DELE x", 250);
    // The server may end it in between.
    let _ = data.write_all(&[b'x'; 2_001]);
    drop(data);
    one.expect(552);
    assert_eq!(store(&mut other, "x", &[b'x'; 2_000]), 226);
}

#[test]
fn what_another_removes_while_it_is_written_uses_up_nothing() {
    let world = with_own();
    let server = world.start(&quota("root/own", 2_000));
    let (mut one, mut other) = (server.login(), server.login());
    assert_eq!(store(&mut one, "x", b"1"), 226);
    let mut data = one.passive().stream();
    one.command("APPE x", 150);
    other.command("DELE x", 250);
    data.write_all(&[b'x'; 1_999]).unwrap();
    drop(data);
    one.expect(226);
    assert_eq!(other.command("AVBL", 213).text(), "2000");
}
