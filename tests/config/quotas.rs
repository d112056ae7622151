//! Files that others remove or put there, while a server runs: what a quota leaves follows.

use std::fs;

use crate::accounts::{ann, store, with_ann};
use crate::reloading::{READ, change};
use crate::support::{Control, Server, until};
use crate::world::World;

const ACCOUNT: &str = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\n\
                       permissions = \"all\"\nquota-bytes = 1000\n";

/// A server whose account has 1000 bytes, of which a file by others takes 900.
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
fn a_refusal_counts_what_others_have_removed() {
    let world = World::new();
    let server = nearly_full(&world, "");
    let mut control = ann(&server);
    assert_eq!(available(&mut control), 100);
    fs::remove_file(world.path("root/theirs")).unwrap();
    // For a second after the first count a refusal stands.
    until("the room", || {
        (store(&mut control, "new", &[b'n'; 1000]) == 226).then_some(())
    });
    assert_eq!(fs::read(world.path("root/new")).unwrap().len(), 1000);
    assert_eq!(store(&mut control, "more", b"m"), 552);
}

#[test]
fn a_sighup_counts_what_others_have_done() {
    let world = World::new();
    let server = nearly_full(&world, "");
    let mut control = ann(&server);
    assert_eq!(available(&mut control), 100);
    fs::remove_file(world.path("root/theirs")).unwrap();
    server.hang_up();
    wait_for_room(&mut control, 1000);
    fs::create_dir(world.path("root/d")).unwrap();
    fs::write(world.path("root/d/more"), [b'x'; 300]).unwrap();
    // Also where the configuration is no good.
    fs::write(world.file(), "nonsense = 1").unwrap();
    server.hang_up();
    wait_for_room(&mut control, 700);
    assert_eq!(store(&mut control, "new", &[b'n'; 700]), 226);
}

/// `storage.recount`
#[test]
fn now_and_then_what_others_have_done_is_counted() {
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
fn the_time_between_two_counts_may_change() {
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
fn accounts_with_one_directory_see_one_count() {
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
