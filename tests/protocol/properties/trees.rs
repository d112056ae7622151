//! All listings of a directory agree: LIST, NLST, MLSD and STAT return the same names, and RETR of
//! each returns the content of its file.
//!
//! Names are all that Linux allows except CR and LF: with quotes, leading and trailing spaces, leading
//! dashes and dots, text that resembles a pattern, a reply or a Telnet command, invalid UTF-8, and
//! names of the maximum length.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use proptest::prelude::*;

use super::cases;
use super::facts::Entry;
use crate::support::{Control, Server};

/// The entries of a directory by name: the content of a file, or `None` for a directory.
type Tree = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn listings_agree_on_names_and_content(tree in tree(), inner in name(), below in tree()) {
        let server = Server::read_only(|root| {
            create_tree(root, &tree);
            let inner = root.join(OsStr::from_bytes(&inner));
            if fs::create_dir(&inner).is_ok() {
                create_tree(&inner, &below);
            }
        });
        let mut control = server.login();
        // Read back from the disk: `inner` may be one of the names in `tree`.
        assert_listings_agree(&mut control, &entries_of(server.root()));
        if fs::metadata(server.root().join(OsStr::from_bytes(&inner))).unwrap().is_dir() {
            control.send_raw(&command("CWD", &inner));
            control.expect(250);
            let on_disk = entries_of(&server.root().join(OsStr::from_bytes(&inner)));
            assert_listings_agree(&mut control, &on_disk);
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
    names.prop_map(valid_name)
}

/// Makes the name valid: replaces bytes that a name or a line cannot contain, and truncates it.
fn valid_name(name: Vec<u8>) -> Vec<u8> {
    let is_invalid = |byte| matches!(byte, 0 | b'/' | b'\r' | b'\n');
    let name: Vec<u8> = name
        .into_iter()
        .map(|byte| if is_invalid(byte) { b'\xff' } else { byte })
        .take(255)
        .collect();
    if matches!(name.as_slice(), b"." | b"..") {
        b"dots".to_vec()
    } else {
        name
    }
}

fn create_tree(root: &Path, tree: &Tree) {
    for (name, content) in tree {
        let path = root.join(OsStr::from_bytes(name));
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::create_dir(path).unwrap(),
        }
    }
}

/// The entries of a directory on disk.
fn entries_of(root: &Path) -> Tree {
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

/// Compares all listings of the working directory with the entries on disk.
fn assert_listings_agree(control: &mut Control, tree: &Tree) {
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

/// The name in each line; fails on a duplicate.
fn names(lines: &[Vec<u8>], name: impl Fn(&[u8]) -> Vec<u8>) -> BTreeSet<Vec<u8>> {
    let names: BTreeSet<_> = lines.iter().map(|line| name(line)).collect();
    assert_eq!(names.len(), lines.len(), "duplicate name");
    names
}

/// The name in a line of `ls -l`: the text after eight columns and one space.
fn ls_name(line: &[u8]) -> Vec<u8> {
    let mut rest = line;
    for _ in 0..8 {
        let start = rest.iter().position(|&byte| byte != b' ').unwrap();
        let word = &rest[start..];
        rest = &word[word.iter().position(|&byte| byte == b' ').unwrap()..];
    }
    rest[1..].to_vec()
}

/// Parses an entry of MLST or MLSD and compares its facts with the file.
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
    let listed = line(control);
    let listed = entry(listed.strip_prefix(b" ").unwrap(), tree);
    assert!(listed.name.ends_with(&[b"/", name].concat()));
    assert!(line(control).starts_with(b"250 "));
}

/// The lines received on the data connection.
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

/// A command on the wire, with 255 doubled for Telnet.
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

/// A line of a reply, with doubled 255 decoded.
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
