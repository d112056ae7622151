//! Names in replies resolve to the same file from the client's current directory. RFC 959 appendix II,
//! RFC 1123 §4.1.2.9, RFC 3659 §7.2.
//!
//! Each test takes a name from a reply and sends it back; the size of the file shows whether it is the same.

use std::fs;

use crate::support::{Control, DataChannel, Server};

/// Names with bytes that need quoting, escaping or care in a reply.
const NAMES: [&[u8]; 12] = [
    b"plain",
    b"a b",
    b" lead",
    b"trail ",
    b"q\"uo\"\"te",
    b"\"",
    b"-la",
    b"~",
    b"*?[x]",
    b"a; b=c",
    b"\xff\xfe\xffx",
    "\u{65e5}\u{672c}".as_bytes(),
];

/// Sends a command with a name, with IAC doubled (RFC 854).
fn send(control: &mut Control, verb: &str, name: &[u8]) {
    let mut line = format!("{verb} ").into_bytes();
    for &byte in name {
        line.extend(std::iter::repeat_n(byte, if byte == 0xff { 2 } else { 1 }));
    }
    line.extend_from_slice(b"\r\n");
    control.send_raw(&line);
}

/// Reads the lines of a reply as bytes, with IAC undoubled.
fn read_reply(control: &mut Control, code: &str) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    loop {
        let line = control.try_line().unwrap();
        let mut bytes = line.iter().copied().peekable();
        let mut once = Vec::new();
        while let Some(byte) = bytes.next() {
            once.push(byte);
            if byte == 0xff {
                assert_eq!(bytes.next(), Some(0xff), "a Telnet command");
            }
        }
        let is_last = once.starts_with(format!("{code} ").as_bytes());
        assert!(is_last || !lines.is_empty() || once.starts_with(format!("{code}-").as_bytes()));
        lines.push(once);
        if is_last {
            return lines;
        }
    }
}

fn command(control: &mut Control, verb: &str, name: &[u8], code: &str) -> Vec<u8> {
    send(control, verb, name);
    read_reply(control, code).concat()
}

/// The quoted path of a 257, with doubled quotes undone.
fn quoted(reply: &[u8]) -> Vec<u8> {
    let text = reply.strip_prefix(b"257 \"").unwrap();
    let mut name = Vec::new();
    let mut rest = text.iter().copied().peekable();
    loop {
        match rest.next().expect("no closing quote") {
            b'"' if rest.next_if_eq(&b'"').is_some() => name.push(b'"'),
            b'"' => return name,
            byte => name.push(byte),
        }
    }
}

/// The text after the first `mark`.
fn after<'r>(reply: &'r [u8], mark: &[u8]) -> &'r [u8] {
    let at = reply.windows(mark.len()).position(|part| part == mark);
    &reply[at.expect("no mark") + mark.len()..]
}

/// Checks that a name from a reply resolves to the file, whose size is the length of its name.
fn assert_resolves(control: &mut Control, name: &[u8], length: usize) {
    let expected = format!("213 {length}").into_bytes();
    assert_eq!(
        command(control, "SIZE", name, "213"),
        expected,
        "{}",
        name.escape_ascii()
    );
}

fn check(control: &mut Control, name: &[u8]) {
    let length = name.len();
    let data = DataChannel::epsv(control);
    let reply = command(control, "STOU", name, "150");
    data.send(name);
    control.expect(226);
    let unique = reply.strip_prefix(b"150 FILE: ").unwrap();
    assert_resolves(control, unique, length);

    let reply = command(control, "MFMT", &[b"20200101000000 ", name].concat(), "213");
    assert_resolves(control, after(&reply, b"Modify=20200101000000; "), length);

    send(control, "MLST", name);
    let reply = &read_reply(control, "250")[1];
    assert_resolves(control, &[b"/", after(reply, b"; /")].concat(), length);

    let data = DataChannel::epsv(control);
    control.command("NLST", 150);
    let names = data.receive();
    control.expect(226);
    let mut lines = names.split(|&byte| byte == b'\n');
    let line = [name, b"\r"].concat();
    assert!(lines.any(|one| one == line), "{}", names.escape_ascii());

    send(control, "STAT", name);
    let reply = &read_reply(control, "213")[0];
    let reply = after(reply, b"Status of ").strip_suffix(b":").unwrap();
    assert_resolves(control, reply, length);

    if cfg!(feature = "digests") {
        let reply = command(control, "HASH", name, "213");
        let words: Vec<_> = reply.splitn(5, |&byte| byte == b' ').collect();
        assert_resolves(control, words[4], length);
        let reply = command(control, "MD5", name, "251");
        let end = reply.iter().rposition(|&byte| byte == b' ').unwrap();
        assert_resolves(control, &reply[4..end], length);
    }
}

fn check_directory(control: &mut Control, name: &[u8]) {
    let made = quoted(&command(control, "MKD", name, "257"));
    command(control, "CWD", &made, "250");
    control.send("PWD");
    let current = quoted(&read_reply(control, "257").concat());
    assert_eq!(current, made);
    command(control, "CWD", b"/", "250");
    command(control, "CWD", &current, "250");
    command(control, "CDUP", b"", "250");
    send(control, "MKD", name);
    assert_eq!(
        read_reply(control, "550").concat(),
        b"550 Directory already exists"
    );
    command(control, "RMD", name, "250");
}

#[test]
fn names_in_replies_resolve_from_current_directory() {
    let server = Server::writable(|root| {
        fs::create_dir_all(root.join("d\"ir/e f")).unwrap();
    });
    for directory in ["/", "/d\"ir", "/d\"ir/e f"] {
        let mut control = server.login();
        control.command(&format!("CWD {directory}"), 250);
        for name in NAMES {
            check(&mut control, name);
            command(&mut control, "DELE", name, "250");
            check_directory(&mut control, name);
        }
    }
}

#[test]
fn stou_name_resolves_from_current_directory() {
    let server = Server::writable(|root| {
        fs::create_dir_all(root.join("d/e")).unwrap();
        fs::write(root.join("d/e/x"), "").unwrap();
        fs::write(root.join("d/x"), "").unwrap();
    });
    let mut control = server.login();
    control.command("CWD d", 250);
    for (requested, expected) in [
        ("x", "x.1"),
        ("e/x", "e/x.1"),
        ("./e//x", "e/x.2"),
        ("/d/e/x", "e/x.3"),
        ("../x", "/x"),
        ("/y", "/y"),
        ("e/../../d/y", "y"),
    ] {
        let data = DataChannel::epsv(&mut control);
        let reply = control.command(&format!("STOU {requested}"), 150);
        assert_eq!(reply.text(), format!("FILE: {expected}"), "{requested}");
        data.send(requested.as_bytes());
        control.expect(226);
        assert_eq!(control.retrieve(expected), requested.as_bytes());
    }
}

#[test]
#[cfg(feature = "charset")]
fn names_in_replies_use_client_charset() {
    use crate::support::Starter;

    let server = Starter::default()
        .argument("--writable")
        .argument("--charset")
        .argument("windows-1252")
        .serving(|root| {
            fs::create_dir(root.join("gr\u{fc}n")).unwrap();
            std::os::unix::fs::symlink("gr\u{fc}n", root.join("link")).unwrap();
        })
        .start();
    let mut control = server.login();
    let data = DataChannel::epsv(&mut control);
    control.command("LIST", 150);
    let listed = data.receive();
    control.expect(226);
    after(&listed, b"link -> gr\xfcn\r\n");
    command(&mut control, "CWD", b"gr\xfcn", "250");
    command(&mut control, "CWD", b"~/gr\xfcn", "250");
    for name in [&b"\xe9t\xe9"[..], b"a \xfcb", b"\xff"] {
        check_in_charset(&mut control, name);
        check_directory(&mut control, name);
    }
    let made: Vec<_> = fs::read_dir(server.file("gr\u{fc}n")).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
    fs::write(server.file("gr\u{fc}n/\u{e9}"), "x").unwrap();
    // MLST and MLSD are in UTF-8, which every command accepts (RFC 3659 §2.2).
    send(&mut control, "MLST", b"\xe9");
    let reply = read_reply(&mut control, "250").remove(1);
    assert_eq!(after(&reply, b"; "), "/gr\u{fc}n/\u{e9}".as_bytes());
    assert_resolves(&mut control, "/gr\u{fc}n/\u{e9}".as_bytes(), 1);
}

#[cfg(feature = "charset")]
fn check_in_charset(control: &mut Control, name: &[u8]) {
    let data = DataChannel::epsv(control);
    let reply = command(control, "STOU", name, "150");
    data.send(name);
    control.expect(226);
    assert_eq!(reply.strip_prefix(b"150 FILE: "), Some(name));
    let reply = command(control, "MFMT", &[b"20200101000000 ", name].concat(), "213");
    assert_eq!(after(&reply, b"; "), name);
    send(control, "STAT", name);
    let reply = &read_reply(control, "213")[0];
    assert_eq!(after(reply, b"Status of "), [name, b":"].concat());
    command(control, "DELE", name, "250");
}
