//! Who may log in, and what they may do.

use std::fs;

use crate::world::World;

/// `account.name` `account.password-file`
#[test]
fn who_is_written_may_log_in() {
    let world = World::new();
    fs::write(world.path("secret"), "a secret\nand a remark\n").unwrap();
    let ann = "[[account]]\nname = \"ann\"\npassword-file = \"secret\"\npermissions = \"write\"";
    let server = world.start(ann);
    let mut control = server.connect();
    control.log_in("ann", "a secret");
    control.command("MKD new", 257);
    for (name, password) in [("ann", "another"), ("anonymous", "x"), ("bob", "a secret")] {
        let mut control = server.connect();
        control.command(&format!("USER {name}"), 331);
        control.command(&format!("PASS {password}"), 530);
    }
    assert!(!server.log().contains("a secret"), "{}", server.log());
}

/// `account.permissions`
#[test]
fn they_may_do_what_their_permissions_say() {
    let world = World::new();
    for (permissions, code) in [("read", 550), ("write", 257)] {
        let account = "[[account]]\nname = \"anonymous\"\npermissions";
        let server = world.start(&format!("{account} = \"{permissions}\""));
        let mut control = server.login();
        control.command("MKD new", code);
        assert_eq!(control.retrieve("f"), b"content");
    }
}
