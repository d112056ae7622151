//! Names that replies tell: each leads to the same file from where the client is (RFC 959 appendix
//! II, RFC 1123 §4.1.2.9, RFC 3659 §7.2).

use std::fs;

use super::support::{Control, DataChannel, Server};

/// What is hard to tell and to take back.
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

/// A command with a name, and IAC doubled (RFC 854).
fn send(control: &mut Control, verb: &str, name: &[u8]) {
    let mut line = format!("{verb} ").into_bytes();
    for &byte in name {
        line.extend(std::iter::repeat_n(byte, if byte == 0xff { 2 } else { 1 }));
    }
    line.extend_from_slice(b"\r\n");
    control.send_raw(&line);
}

/// The lines of a reply as bytes, with each IAC once.
fn hear(control: &mut Control, code: &str) -> Vec<Vec<u8>> {
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

fn ask(control: &mut Control, verb: &str, name: &[u8], code: &str) -> Vec<u8> {
    send(control, verb, name);
    hear(control, code).concat()
}

/// What stands in quotes behind the code, by the rule of doubled quotes.
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

/// Everything behind the first `mark`.
fn behind<'r>(reply: &'r [u8], mark: &[u8]) -> &'r [u8] {
    let at = reply.windows(mark.len()).position(|part| part == mark);
    &reply[at.expect("no mark") + mark.len()..]
}

/// What the name leads to has the length of its own name.
fn leads_to(control: &mut Control, told: &[u8], length: usize) {
    let expected = format!("213 {length}").into_bytes();
    assert_eq!(
        ask(control, "SIZE", told, "213"),
        expected,
        "{}",
        told.escape_ascii()
    );
}

fn check(control: &mut Control, name: &[u8]) {
    let length = name.len();
    let data = DataChannel::epsv(control);
    let told = ask(control, "STOU", name, "150");
    data.send(name);
    control.expect(226);
    let unique = told.strip_prefix(b"150 FILE: ").unwrap();
    leads_to(control, unique, length);

    let told = ask(control, "MFMT", &[b"20200101000000 ", name].concat(), "213");
    leads_to(control, behind(&told, b"Modify=20200101000000; "), length);

    send(control, "MLST", name);
    let told = &hear(control, "250")[1];
    leads_to(control, &[b"/", behind(told, b"; /")].concat(), length);

    let data = DataChannel::epsv(control);
    control.command("NLST", 150);
    let names = data.receive();
    control.expect(226);
    let mut lines = names.split(|&byte| byte == b'\n');
    let line = [name, b"\r"].concat();
    assert!(lines.any(|one| one == line), "{}", names.escape_ascii());

    send(control, "STAT", name);
    let told = &hear(control, "213")[0];
    let told = behind(told, b"Status of ").strip_suffix(b":").unwrap();
    leads_to(control, told, length);

    if cfg!(feature = "digests") {
        let told = ask(control, "HASH", name, "213");
        let words: Vec<_> = told.splitn(5, |&byte| byte == b' ').collect();
        leads_to(control, words[4], length);
        let told = ask(control, "MD5", name, "251");
        let end = told.iter().rposition(|&byte| byte == b' ').unwrap();
        leads_to(control, &told[4..end], length);
    }
}

fn check_directory(control: &mut Control, name: &[u8]) {
    let made = quoted(&ask(control, "MKD", name, "257"));
    ask(control, "CWD", &made, "250");
    control.send("PWD");
    let here = quoted(&hear(control, "257").concat());
    assert_eq!(here, made);
    ask(control, "CWD", b"/", "250");
    ask(control, "CWD", &here, "250");
    ask(control, "CDUP", b"", "250");
    send(control, "MKD", name);
    assert_eq!(
        hear(control, "550").concat(),
        b"550 Directory already exists"
    );
    ask(control, "RMD", name, "250");
}

#[test]
fn every_name_that_is_told_leads_to_its_file_from_where_the_client_is() {
    let server = Server::writable(|root| {
        fs::create_dir_all(root.join("d\"ir/e f")).unwrap();
    });
    for directory in ["/", "/d\"ir", "/d\"ir/e f"] {
        let mut control = server.login();
        control.command(&format!("CWD {directory}"), 250);
        for name in NAMES {
            check(&mut control, name);
            ask(&mut control, "DELE", name, "250");
            check_directory(&mut control, name);
        }
    }
}

#[test]
fn a_name_of_stou_leads_to_its_file_whatever_was_asked_for() {
    let server = Server::writable(|root| {
        fs::create_dir_all(root.join("d/e")).unwrap();
        fs::write(root.join("d/e/x"), "").unwrap();
        fs::write(root.join("d/x"), "").unwrap();
    });
    let mut control = server.login();
    control.command("CWD d", 250);
    for (asked, told) in [
        ("x", "x.1"),
        ("e/x", "e/x.1"),
        ("./e//x", "e/x.2"),
        ("/d/e/x", "e/x.3"),
        ("../x", "/x"),
        ("/y", "/y"),
        ("e/../../d/y", "y"),
    ] {
        let data = DataChannel::epsv(&mut control);
        let reply = control.command(&format!("STOU {asked}"), 150);
        assert_eq!(reply.text(), format!("FILE: {told}"), "{asked}");
        data.send(asked.as_bytes());
        control.expect(226);
        assert_eq!(control.retrieve(told), asked.as_bytes());
    }
}

#[test]
#[cfg(feature = "charset")]
fn names_are_told_in_the_clients_charset() {
    use super::support::Starter;

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
    behind(&listed, b"link -> gr\xfcn\r\n");
    ask(&mut control, "CWD", b"gr\xfcn", "250");
    ask(&mut control, "CWD", b"~/gr\xfcn", "250");
    for name in [&b"\xe9t\xe9"[..], b"a \xfcb", b"\xff"] {
        check_in_charset(&mut control, name);
        check_directory(&mut control, name);
    }
    let made: Vec<_> = fs::read_dir(server.file("gr\u{fc}n")).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
    fs::write(server.file("gr\u{fc}n/\u{e9}"), "x").unwrap();
    // MLST and MLSD are in UTF-8, which is taken back everywhere (RFC 3659 §2.2).
    send(&mut control, "MLST", b"\xe9");
    let told = hear(&mut control, "250").remove(1);
    assert_eq!(behind(&told, b"; "), "/gr\u{fc}n/\u{e9}".as_bytes());
    leads_to(&mut control, "/gr\u{fc}n/\u{e9}".as_bytes(), 1);
}

#[cfg(feature = "charset")]
fn check_in_charset(control: &mut Control, name: &[u8]) {
    let data = DataChannel::epsv(control);
    let told = ask(control, "STOU", name, "150");
    data.send(name);
    control.expect(226);
    assert_eq!(told.strip_prefix(b"150 FILE: "), Some(name));
    let told = ask(control, "MFMT", &[b"20200101000000 ", name].concat(), "213");
    assert_eq!(behind(&told, b"; "), name);
    send(control, "STAT", name);
    let told = &hear(control, "213")[0];
    assert_eq!(behind(told, b"Status of "), [name, b":"].concat());
    ask(control, "DELE", name, "250");
}
