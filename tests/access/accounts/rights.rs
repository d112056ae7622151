//! The commands that each permission allows, and the perm fact of MLSD (RFC 3659 §7.5.5), which agrees.

use std::fs;

use mioftpd::{Account, Accounts, Permissions};
use proptest::prelude::*;

use crate::accounts::TestServer;
use crate::support::{Control, epsv_port};

/// An account with these permissions, in a directory with the file `f` and the directory `d`.
fn serve(permissions: Permissions) -> TestServer {
    let server = TestServer::with_accounts(Accounts::new().with(Account::anonymous(permissions)));
    fs::write(server.path().join("f"), "old").unwrap();
    fs::create_dir(server.path().join("d")).unwrap();
    server
}

/// Whether an upload succeeds.
fn is_stored(control: &mut Control, line: &str) -> bool {
    let data = control.passive();
    control.send(line);
    match control.expect_one_of(&[150, 550]).code {
        150 => {
            data.send(b"new");
            control.expect_one_of(&[226, 451]).code == 226
        }
        _ => false,
    }
}

#[test]
fn upload_only_account_stores_and_reads_nothing() {
    let server = serve(Permissions::UPLOAD_ONLY);
    let mut control = server.log_in("ftp", "x");
    for line in [
        "SIZE f",
        "MDTM f",
        "MLST f",
        "STAT f",
        "DELE f",
        "RNFR f",
        "RMD d",
        "DSIZ d",
        "MFMT 20200101000000 f",
        "MDTM 20200101000000 f",
        "SITE CHMOD 644 f",
        "MFF UNIX.mode=644; f",
        "COMB n f",
    ] {
        control.command(line, 550);
    }
    for verb in ["LIST", "NLST", "MLSD", "RETR f"] {
        epsv_port(&mut control);
        control.command(verb, 550);
    }
    assert!(!is_stored(&mut control, "STOR f"));
    assert!(!is_stored(&mut control, "APPE f"));
    control.command("REST 1", 350);
    assert!(!is_stored(&mut control, "STOR f"));
    assert_eq!(fs::read(server.path().join("f")).unwrap(), b"old");
    control.command("MKD e", 257);
    control.command("CWD e", 250);
    for line in ["STOR a", "APPE b"] {
        assert!(is_stored(&mut control, line), "{line}");
    }
    control.passive().send(b"");
    control.command("STOU c", 150);
    control.expect(226);
    assert_eq!(fs::read(server.path().join("e/a")).unwrap(), b"new");
}

#[test]
fn upload_after_rest_needs_overwrite_permission() {
    for (permissions, may_append) in [
        (Permissions::APPEND | Permissions::CREATE, true),
        (Permissions::OVERWRITE, false),
    ] {
        let server = serve(permissions);
        let mut control = server.log_in("ftp", "x");
        control.command("TYPE I", 200);
        assert_eq!(is_stored(&mut control, "APPE f"), may_append);
        for line in ["STOR f", "APPE f"] {
            fs::write(server.path().join("f"), "0123456789").unwrap();
            control.command("REST 2", 350);
            assert_eq!(is_stored(&mut control, line), !may_append, "{line}");
            let left = fs::read_to_string(server.path().join("f")).unwrap();
            let expected = if may_append {
                "0123456789"
            } else {
                "01new56789"
            };
            assert_eq!(left, expected, "{line}");
        }
    }
}

#[test]
fn file_created_during_upload_is_not_overwritten() {
    let server = serve(Permissions::CREATE);
    let mut control = server.log_in("ftp", "x");
    let data = control.passive();
    control.command("STOR new", 150);
    fs::write(server.path().join("new"), "other").unwrap();
    data.send(b"mine");
    control.expect(451);
    assert_eq!(fs::read(server.path().join("new")).unwrap(), b"other");
    assert_eq!(fs::read_dir(server.path()).unwrap().count(), 3);
}

#[test]
fn overwrite_permission_does_not_allow_creation() {
    let server = serve(Permissions::OVERWRITE | Permissions::APPEND | Permissions::RENAME);
    let mut control = server.log_in("ftp", "x");
    for line in ["STOR new", "APPE new", "STOU new"] {
        assert!(!is_stored(&mut control, line), "{line}");
    }
    assert!(is_stored(&mut control, "STOR f"));
    assert!(is_stored(&mut control, "APPE f"));
    assert_eq!(fs::read(server.path().join("f")).unwrap(), b"newnew");
    let data = control.passive();
    control.command("STOR f", 150);
    fs::remove_file(server.path().join("f")).unwrap();
    data.send(b"x");
    control.expect(451);
    assert_eq!(fs::read_dir(server.path()).unwrap().count(), 1);
}

#[test]
fn rename_onto_a_file_needs_overwrite_permission() {
    for (permissions, code, left) in [
        (Permissions::RENAME, 550, "other"),
        (Permissions::RENAME | Permissions::OVERWRITE, 250, "old"),
    ] {
        let server = serve(permissions);
        fs::write(server.path().join("g"), "other").unwrap();
        let mut control = server.log_in("ftp", "x");
        control.command("RNFR f", 350);
        control.command("RNTO g", code);
        assert_eq!(fs::read_to_string(server.path().join("g")).unwrap(), left);
    }
}

/// The letters of the perm fact of the file and of the directory.
fn perm_facts(control: &mut Control) -> (String, String) {
    let data = control.passive();
    control.command("MLSD", 150);
    let listing = String::from_utf8(data.receive()).unwrap();
    control.expect(226);
    let perm = |end: &str| {
        let line = listing.lines().find(|line| line.ends_with(end)).unwrap();
        let fact = line.split(';').find_map(|fact| fact.strip_prefix("perm="));
        fact.unwrap().to_owned()
    };
    (perm(" f"), perm(" d"))
}

/// Whether the operation of a perm letter succeeds. Restores the file and the directory first.
fn succeeds(server: &TestServer, control: &mut Control, of_file: bool, letter: char) -> bool {
    let root = server.path();
    fs::write(root.join("f"), "old").unwrap();
    let _ = fs::create_dir(root.join("d"));
    for name in ["d/new", "new"] {
        let _ = fs::remove_file(root.join(name));
        let _ = fs::remove_dir(root.join(name));
    }
    let mut is = |line: &str, code: u16| {
        control.send(line);
        control.expect_one_of(&[code, 550]).code == code
    };
    match (of_file, letter) {
        (true, 'a') => is_stored(control, "APPE f"),
        (true, 'd') => is("DELE f", 250),
        (true, 'f') => is("RNFR f", 350) && is("RNTO new", 250),
        (true, 'r') => {
            let data = control.passive();
            control.send("RETR f");
            control.expect_one_of(&[150, 550]).code == 150 && {
                data.receive();
                control.expect(226).code == 226
            }
        }
        (true, 'w') => is_stored(control, "STOR f"),
        (false, 'c') => is_stored(control, "STOR d/new"),
        (false, 'd') => is("RMD d", 250),
        (false, 'e') => is("CWD d", 250) && is("CDUP", 250),
        (false, 'f') => is("RNFR d", 350) && is("RNTO new", 250),
        (false, 'l') => is("STAT d", 213),
        (false, 'm') => is("MKD d/new", 257),
        (false, 'p') => {
            fs::write(root.join("d/new"), "").unwrap();
            is("DELE d/new", 250)
        }
        _ => panic!("no such letter: {letter}"),
    }
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let words = Permissions::ALL.to_string();
    let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
    let count = words.len();
    let some = proptest::sample::subsequence(words, 0..=count);
    some.prop_map(|words| words.join(" ").parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn perm_fact_matches_what_is_allowed(some in permissions()) {
        let server = serve(some | Permissions::LIST);
        let mut control = server.log_in("ftp", "x");
        let (file, directory) = perm_facts(&mut control);
        for letter in "adfrw".chars() {
            let is_allowed = succeeds(&server, &mut control, true, letter);
            prop_assert_eq!(is_allowed, file.contains(letter), "file {} {:?}", letter, some);
        }
        for letter in "cdeflmp".chars() {
            let is_allowed = succeeds(&server, &mut control, false, letter);
            prop_assert_eq!(is_allowed, directory.contains(letter), "directory {} {:?}", letter, some);
        }
    }
}
