//! TCP has no messages: a script of commands gets the same replies however it is cut.
//!
//! The server is in this process and does one turn after each piece, so every cut is one that
//! it sees, and nothing depends on how fast anybody is.

use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use mioftpd::auth::{Account, Accounts, Permissions};
use mioftpd::limits::Timings;
use mioftpd::protocol::command::TABLE;
use mioftpd::{Config, Server};
use proptest::prelude::*;
use proptest::sample::Index;

use super::support::until;
use super::{cases, replies};

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_script_gets_the_same_replies_however_it_is_cut(
        script in script(),
        cuts in proptest::collection::vec(any::<Index>(), 1..60),
    ) {
        let script = script.0.as_slice();
        let whole = talk(&[script]);
        let parsed = replies::parse(&whole);
        prop_assert!(parsed.is_ok(), "{:?} in\n{}", parsed, whole.escape_ascii());
        let bytes: Vec<&[u8]> = script.chunks(1).collect();
        for pieces in [cut(script, &cuts), bytes] {
            let other = replies::parse(&talk(&pieces)).unwrap();
            prop_assert_eq!(
                replies::masked(parsed.as_ref().unwrap()),
                replies::masked(&other)
            );
        }
    }
}

/// What a client sends; shown as text when a case fails.
struct Script(Vec<u8>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.split_inclusive(|&byte| byte == b'\n');
        lines.try_for_each(|line| write!(f, "\n  {}", line.escape_ascii()))
    }
}

/// Logged in, then anything, then QUIT.
fn script() -> impl Strategy<Value = Script> {
    let lines = proptest::collection::vec(line(), 0..40);
    lines.prop_map(|lines| {
        let login = b"USER anonymous\r\nPASS x\r\n".to_vec();
        Script([login, lines.concat(), b"QUIT\r\n".to_vec()].concat())
    })
}

/// One line with its end, or some that belong together.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let verbs = TABLE
        .iter()
        .map(|row| row.name)
        .filter(|verb| may_be_alone(verb));
    let verbs: Vec<_> = verbs.collect();
    let command = (proptest::sample::select(verbs), any::<bool>(), argument());
    let command = command.prop_map(|(verb, lower, argument)| {
        let verb = if lower {
            verb.to_lowercase()
        } else {
            verb.to_owned()
        };
        [verb.as_bytes(), argument].concat()
    });
    // Half of it what Telnet commands and odd line ends are made of.
    let telnet =
        proptest::sample::select(&[255, 251, 253, 244, 242, 241, 250, 240, 13, 0, b'A'][..]);
    let junk = proptest::collection::vec(prop_oneof![any::<u8>(), telnet], 0..40);
    let long = (4090_usize..4110).prop_map(|length| vec![b'x'; length]);
    let ended = (
        prop_oneof![20 => command, 3 => junk, 1 => long],
        any::<bool>(),
    );
    let ended = ended.prop_map(|(mut line, with_return)| {
        line.extend_from_slice(if with_return { b"\r\n" } else { b"\n" });
        line
    });
    prop_oneof![8 => ended, 1 => transfer()]
}

/// Not alone: what leaves something to wait for, tells how full the disk is, ends the session,
/// or takes so long that an ABOR far behind may overtake it, or not.
fn may_be_alone(verb: &str) -> bool {
    let waiting = ["PASV", "EPSV", "PORT", "EPRT", "AUTH", "AVBL", "QUIT"];
    let long = ["HASH", "MD5", "XCRC", "XMD5", "XSHA", "DSIZ", "COMB"];
    !waiting.contains(&verb) && !long.iter().any(|long| verb.starts_with(long))
}

/// A space and what may be a name, an option or nonsense.
fn argument() -> impl Strategy<Value = &'static [u8]> {
    proptest::sample::select(vec![
        &b""[..],
        b" ",
        b" f",
        b" /d/../f",
        b" d",
        b" new",
        b" a b ",
        b" missing",
        b" ..",
        b" \xff\xff\xe9",
        b" /\xc3\xa9",
        b" *",
        b" -la",
        b" A",
        b" I",
        b" 7",
        b" 20010203040506 f",
        b" MLST type;size;modify;",
        b" anonymous",
        b" bob",
        b" \xff\xf1f",
        b" a\0b",
        b" a\r\0b",
    ])
}

/// A transfer to which the client never connects: it is aborted before anything moves.
fn transfer() -> impl Strategy<Value = Vec<u8>> {
    let arranged = proptest::sample::select(vec!["EPSV", "PASV", "epsv 1"]);
    let verbs = [
        "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD", "NOOP",
    ];
    let verb = proptest::sample::select(verbs.to_vec());
    (arranged, verb, argument()).prop_map(|(arranged, verb, argument)| {
        let head = format!("{arranged}\r\n{verb}").into_bytes();
        [head, argument.to_vec(), b"\r\nABOR\r\n".to_vec()].concat()
    })
}

fn cut<'a>(script: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(script.len())).collect();
    places.extend([0, script.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|ends| &script[ends[0]..ends[1]])
        .collect()
}

/// Sends the pieces to a new server, one a turn; all that it says until it closes.
fn talk(pieces: &[&[u8]]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let mut server = serve(directory.path());
    let mut client = TcpStream::connect(server.addresses()[0]).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut said = Vec::new();
    for piece in pieces {
        // The server may have closed: what it did not want to read is no part of the dialogue.
        if client.write_all(piece).is_err() {
            break;
        }
        server.turn(Some(Duration::ZERO)).unwrap();
    }
    until("the server to close", || {
        server.turn(Some(Duration::from_millis(1))).unwrap();
        match client.read_to_end(&mut said) {
            Ok(_) => Some(()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => panic!("{e} behind {}", said.escape_ascii()),
        }
    });
    said
}

fn serve(root: &Path) -> Server {
    let timings = Timings {
        // A wrong password has to be answered; that it is answered late is tested elsewhere.
        penalty: Duration::ZERO,
        ..Timings::default()
    };
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root: Some(root.to_owned()),
        accounts: Accounts::new().with(Account::anonymous(Permissions::ALL)),
        workers: 0,
        timings,
        ..Config::default()
    };
    Server::bind(config).unwrap()
}

fn fill(root: &Path) {
    fs::write(root.join("f"), "one\ntwo\n").unwrap();
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("d/inner"), "x").unwrap();
    fs::write(root.join("\u{e9}"), "").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::open(root.join("f"))
        .unwrap()
        .set_modified(time)
        .unwrap();
}
