//! Uploads that write a file in place beside other clients: one at a time, and 226 only for a file that
//! still has a name. RFC 959 §4.2 (450: file busy).

use std::fs;
use std::io::Write as _;

use crate::kept_uploads::configured;
use crate::support::until;

#[test]
fn second_upload_in_place_is_450_before_a_byte_is_written() {
    let server = configured("[storage]\nreplace = \"in-place\"\n");
    fs::write(server.file("f"), "old").unwrap();
    let (mut first, mut second) = (server.login(), server.login());
    for control in [&mut first, &mut second] {
        control.command("TYPE I", 200);
    }
    let mut data = first.passive().stream();
    first.command("STOR f", 150);
    for (before, command) in [
        (None, "STOR f"),
        (None, "APPE f"),
        (Some("REST 1"), "STOR f"),
    ] {
        drop(second.passive());
        if let Some(before) = before {
            second.command(before, 350);
        }
        let refused = second.command(command, 450);
        assert!(refused.text().starts_with("File in use"), "{refused:?}");
        assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    }
    data.write_all(b"first").unwrap();
    drop(data);
    first.expect(226);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"first");
    // At once behind the 226.
    second.store("f", b"second");
    first.store("f", b"third");
    assert_eq!(fs::read(server.file("f")).unwrap(), b"third");
}

#[test]
fn upload_to_a_file_removed_meanwhile_is_451() {
    let server = configured("[storage]\nreplace = \"in-place\"\n");
    let (mut first, mut second) = (server.login(), server.login());
    for control in [&mut first, &mut second] {
        control.command("TYPE I", 200);
    }
    for command in ["STOR f", "APPE f"] {
        fs::write(server.file("f"), "old").unwrap();
        let mut data = first.passive().stream();
        first.command(command, 150);
        data.write_all(b"new").unwrap();
        until("the bytes to be read", || {
            let status = first.command("STAT", 211).lines.concat();
            status.contains("3 bytes").then_some(())
        });
        second.command("DELE f", 250);
        drop(data);
        let ended = first.expect(451);
        assert!(!ended.text().contains("kept"), "{ended:?}");
        assert!(!server.file("f").exists());
    }
}
