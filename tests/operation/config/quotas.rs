//! Quotas follow files that other programs create or remove while the server runs.

use std::fs;

use crate::config::accounts::{ann, store, with_ann};
use crate::config::reloading::{READ, change};
use crate::config::world::World;
use crate::support::{Control, Server, until};

const ACCOUNT: &str = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\n\
                       permissions = \"all\"\nquota-bytes = 1000\n";

/// A server with a quota of 1000 bytes, of which a file of another program uses 900.
fn nearly_full(world: &World, more: &str) -> Server {
    fs::write(world.path("root/theirs"), [b'x'; 900]).unwrap();
    fs::remove_file(world.path("root/f")).unwrap();
    with_ann(world, &format!("quota-bytes = 1000\n{more}"))
}

fn available(control: &mut Control) -> u64 {
    control.command("AVBL", 213).text().trim().parse().unwrap()
}

fn wait_for_room(control: &mut Control, bytes: u64) {
    until("the count", || (available(control) == bytes).then_some(()));
}

#[test]
fn recount_before_refusal_sees_removed_files() {
    let world = World::new();
    let server = nearly_full(&world, "");
    let mut control = ann(&server);
    assert_eq!(available(&mut control), 100);
    fs::remove_file(world.path("root/theirs")).unwrap();
    // A refusal is final for a second after a count.
    until("the room", || {
        (store(&mut control, "new", &[b'n'; 1000]) == 226).then_some(())
    });
    assert_eq!(fs::read(world.path("root/new")).unwrap().len(), 1000);
    assert_eq!(store(&mut control, "more", b"m"), 552);
}

#[test]
fn recount_at_sighup_sees_external_changes() {
    let world = World::new();
    let server = nearly_full(&world, "");
    let mut control = ann(&server);
    assert_eq!(available(&mut control), 100);
    fs::remove_file(world.path("root/theirs")).unwrap();
    server.hang_up();
    wait_for_room(&mut control, 1000);
    fs::create_dir(world.path("root/d")).unwrap();
    fs::write(world.path("root/d/more"), [b'x'; 300]).unwrap();
    // Also if the new configuration is invalid.
    fs::write(world.file(), "nonsense = 1").unwrap();
    server.hang_up();
    wait_for_room(&mut control, 700);
    assert_eq!(store(&mut control, "new", &[b'n'; 700]), 226);
}

/// `storage.recount`
#[test]
fn periodic_recount_sees_external_changes() {
    let world = World::new();
    let server = nearly_full(&world, "[storage]\nrecount = \"10ms\"");
    let mut control = ann(&server);
    assert_eq!(available(&mut control), 100);
    fs::remove_file(world.path("root/theirs")).unwrap();
    wait_for_room(&mut control, 1000);
    fs::write(world.path("root/more"), [b'x'; 300]).unwrap();
    wait_for_room(&mut control, 700);
}

#[test]
fn reload_changes_recount_interval() {
    let world = World::new();
    let server = nearly_full(&world, "[storage]\nrecount = 0");
    let mut control = ann(&server);
    change(
        &world,
        &server,
        &format!("{ACCOUNT}[storage]\nrecount = \"10ms\""),
        READ,
    );
    assert_eq!(available(&mut control), 100);
    fs::remove_file(world.path("root/theirs")).unwrap();
    wait_for_room(&mut control, 1000);
}

#[test]
fn accounts_with_one_directory_share_usage() {
    let world = World::new();
    let other = ACCOUNT.replace("\"ann\"", "\"bob\"");
    let server = nearly_full(&world, &other);
    let mut first = ann(&server);
    let mut second = server.connect();
    second.log_in("bob", "a secret");
    fs::remove_file(world.path("root/theirs")).unwrap();
    server.hang_up();
    wait_for_room(&mut second, 1000);
    assert_eq!(store(&mut second, "new", &[b'n'; 600]), 226);
    assert_eq!(available(&mut first), 400);
}
