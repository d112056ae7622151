//! A directory looks the same through every window: LIST, NLST, MLSD and STAT name the same
//! entries, and RETR of each name gives its bytes.
//!
//! Names are what Linux takes, but for CR and LF, which no line can hold: quotes, spaces in
//! front and behind, dashes and dots first, what looks like a pattern, a reply or a Telnet
//! command, bytes that are no UTF-8, and names as long as they can be.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use proptest::prelude::*;

use super::cases;
use super::facts::Entry;
use super::support::{Control, Server};

/// What is in a directory: a file's content, or `None` for a directory.
type Tree = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn every_listing_names_the_same(tree in tree(), inner in name(), below in tree()) {
        let server = Server::read_only(|root| {
            plant(root, &tree);
            let inner = root.join(OsStr::from_bytes(&inner));
            if fs::create_dir(&inner).is_ok() {
                plant(&inner, &below);
            }
        });
        let mut control = server.login();
        // What is there in the end: a random name may have been there already.
        looks_the_same(&mut control, &seen(server.root()));
        if fs::metadata(server.root().join(OsStr::from_bytes(&inner))).unwrap().is_dir() {
            control.send_raw(&command("CWD", &inner));
            control.expect(250);
            looks_the_same(&mut control, &seen(&server.root().join(OsStr::from_bytes(&inner))));
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let content = proptest::collection::vec(any::<u8>(), 0..300);
    let entry = proptest::option::weighted(0.8, content);
    proptest::collection::btree_map(name(), entry, 0..12)
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 1..20);
    let long = proptest::collection::vec(any::<u8>(), 250..=255);
    let odd = proptest::sample::select(vec![
        "-",
        "-la",
        "-R x",
        ".hidden",
        "...",
        " ",
        "  front",
        "behind  ",
        "\"quoted\"",
        "it's",
        "*",
        "[a]",
        "?",
        "a -> b",
        "213 End",
        "~",
        "\\",
        "a;b=c",
        "\t",
        "\x1b[31m",
        "\x7f",
        "é",
        "日本",
    ]);
    let names = prop_oneof![
        4 => odd.prop_map(|name| name.as_bytes().to_vec()),
        3 => "[ -~é]{1,12}".prop_map(String::into_bytes),
        3 => bytes,
        1 => long,
    ];
    names.prop_map(possible)
}

/// The nearest name that a directory can have and a line can hold.
fn possible(name: Vec<u8>) -> Vec<u8> {
    let taken = |byte| matches!(byte, 0 | b'/' | b'\r' | b'\n');
    let name: Vec<u8> = name
        .into_iter()
        .map(|byte| if taken(byte) { b'\xff' } else { byte })
        .take(255)
        .collect();
    if matches!(name.as_slice(), b"." | b"..") {
        b"dots".to_vec()
    } else {
        name
    }
}

fn plant(root: &Path, tree: &Tree) {
    for (name, content) in tree {
        let path = root.join(OsStr::from_bytes(name));
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::create_dir(path).unwrap(),
        }
    }
}

/// What is in a directory on the disk.
fn seen(root: &Path) -> Tree {
    let entries = fs::read_dir(root).unwrap().map(Result::unwrap);
    let content = |path: &Path| path.is_file().then(|| fs::read(path).unwrap());
    entries
        .map(|entry| {
            (
                entry.file_name().as_bytes().to_vec(),
                content(&entry.path()),
            )
        })
        .collect()
}

/// Looks at the working directory through every window.
fn looks_the_same(control: &mut Control, tree: &Tree) {
    let expected: BTreeSet<Vec<u8>> = tree.keys().cloned().collect();
    assert_eq!(names(&listing(control, "LIST"), ls_name), expected, "LIST");
    assert_eq!(names(&status(control), ls_name), expected, "STAT");
    let plain = |line: &[u8]| line.to_vec();
    assert_eq!(names(&listing(control, "NLST"), plain), expected, "NLST");
    for facts in [
        "type;size;modify;create;perm;unique;UNIX.mode;UNIX.owner;UNIX.group;",
        "",
    ] {
        control.command(&format!("OPTS MLST {facts}"), 200);
        let listed = listing(control, "MLSD");
        assert_eq!(
            names(&listed, |line| entry(line, tree).name),
            expected,
            "MLSD"
        );
    }
    control.command("OPTS MLST type;size;", 200);
    for (name, content) in tree {
        machine_entry(control, name, tree);
        if let Some(content) = content {
            assert_eq!(&retrieve(control, name), content, "{}", name.escape_ascii());
        }
    }
}

/// The name in each line; no name comes twice.
fn names(lines: &[Vec<u8>], name: impl Fn(&[u8]) -> Vec<u8>) -> BTreeSet<Vec<u8>> {
    let names: BTreeSet<_> = lines.iter().map(|line| name(line)).collect();
    assert_eq!(names.len(), lines.len(), "a name comes twice");
    names
}

/// What is behind the eighth column of `ls -l`, and one space.
fn ls_name(line: &[u8]) -> Vec<u8> {
    let mut rest = line;
    for _ in 0..8 {
        let start = rest.iter().position(|&byte| byte != b' ').unwrap();
        let word = &rest[start..];
        rest = &word[word.iter().position(|&byte| byte == b' ').unwrap()..];
    }
    rest[1..].to_vec()
}

/// An entry of MLST or MLSD, in which the facts that are told are true.
fn entry(line: &[u8], tree: &Tree) -> Entry {
    let entry = Entry::parse(line);
    let entry = entry.unwrap_or_else(|e| panic!("{e} in {}", line.escape_ascii()));
    let name = entry.name.rsplit(|&byte| byte == b'/').next().unwrap();
    let content = &tree[name];
    let kind = if content.is_some() { "file" } else { "dir" };
    assert_eq!(entry.fact("type").unwrap_or(kind), kind);
    if let (Some(size), Some(content)) = (entry.fact("size"), content) {
        assert_eq!(size, content.len().to_string());
    }
    entry
}

/// `control-response = "250-" CRLF 1*( SP entry CRLF ) "250" CRLF`.
fn machine_entry(control: &mut Control, name: &[u8], tree: &Tree) {
    control.send_raw(&command("MLST", name));
    assert!(line(control).starts_with(b"250-"));
    let told = line(control);
    let told = entry(told.strip_prefix(b" ").unwrap(), tree);
    assert!(told.name.ends_with(&[b"/", name].concat()));
    assert!(line(control).starts_with(b"250 "));
}

/// The lines that come on the data connection.
fn listing(control: &mut Control, verb: &str) -> Vec<Vec<u8>> {
    let data = control.passive();
    control.command(verb, 150);
    let bytes = data.receive();
    control.expect(226);
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines
        .map(|line| line.strip_suffix(b"\r\n").expect("CRLF").to_vec())
        .collect()
}

/// The lines of STAT between the first and the last.
fn status(control: &mut Control) -> Vec<Vec<u8>> {
    control.send("STAT .");
    let first = line(control);
    assert!(first.starts_with(b"212-") || first.starts_with(b"213-"));
    let end = [&first[..3], b" "].concat();
    let lines = std::iter::from_fn(|| Some(line(control)).filter(|line| !line.starts_with(&end)));
    lines.collect()
}

fn retrieve(control: &mut Control, name: &[u8]) -> Vec<u8> {
    let data = control.passive();
    control.send_raw(&command("RETR", name));
    control.expect(150);
    let bytes = data.receive();
    control.expect(226);
    bytes
}

/// A command as it is sent: 255 is doubled for Telnet's sake.
fn command(verb: &str, name: &[u8]) -> Vec<u8> {
    let doubled = name.split_inclusive(|&byte| byte == 255);
    let mut line = [verb.as_bytes(), b" "].concat();
    for part in doubled {
        line.extend_from_slice(part);
        if part.ends_with(&[255]) {
            line.push(255);
        }
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// A line of a reply, 255 no longer doubled.
fn line(control: &mut Control) -> Vec<u8> {
    let line = control.try_line().expect("a line");
    let mut bytes = line.into_iter();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        text.push(byte);
        if byte == 255 {
            assert_eq!(bytes.next(), Some(255));
        }
    }
    text
}
