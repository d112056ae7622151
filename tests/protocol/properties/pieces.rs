//! TCP has no message boundaries: the replies to a script of commands do not depend on its
//! segmentation.
//!
//! The server runs in this process, one turn of its event loop after each segment, so it receives
//! exactly these segments and the test does not depend on timing.

use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use mioftpd::internals::protocol::command::TABLE;
use mioftpd::{Account, Accounts, Config, Permissions, Server, Timings};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{cases, replies};
use crate::support::until;

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn replies_do_not_depend_on_segmentation(
        script in script(),
        cuts in proptest::collection::vec(any::<Index>(), 1..60),
    ) {
        let script = script.0.as_slice();
        let unsegmented = converse(&[script]);
        let parsed = replies::parse(&unsegmented);
        prop_assert!(parsed.is_ok(), "{:?} in\n{}", parsed, unsegmented.escape_ascii());
        let bytes: Vec<&[u8]> = script.chunks(1).collect();
        for pieces in [cut(script, &cuts), bytes] {
            let other = replies::parse(&converse(&pieces)).unwrap();
            prop_assert_eq!(
                replies::masked(parsed.as_ref().unwrap()),
                replies::masked(&other)
            );
        }
    }
}

/// The bytes that a client sends; printed as text if a case fails.
struct Script(Vec<u8>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.split_inclusive(|&byte| byte == b'\n');
        lines.try_for_each(|line| write!(f, "\n  {}", line.escape_ascii()))
    }
}

/// A login, random lines, and QUIT.
fn script() -> impl Strategy<Value = Script> {
    let lines = proptest::collection::vec(line(), 0..40);
    lines.prop_map(|lines| {
        let login = b"USER anonymous\r\nPASS x\r\n".to_vec();
        Script([login, lines.concat(), b"QUIT\r\n".to_vec()].concat())
    })
}

/// One line with its end, or the lines of one transfer.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let verbs = TABLE
        .iter()
        .map(|row| row.name)
        .filter(|verb| is_deterministic(verb));
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
    // Half of the bytes are those of Telnet commands and unusual line ends.
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

/// Whether the replies to a script with this command are reproducible. Not those of commands that wait
/// for a connection or a handshake, report the free space, end the session, or run long enough to
/// race with a later ABOR.
fn is_deterministic(verb: &str) -> bool {
    let waiting = ["PASV", "EPSV", "PORT", "EPRT", "AUTH", "AVBL", "QUIT"];
    let long = ["HASH", "MD5", "XCRC", "XMD5", "XSHA", "DSIZ", "COMB"];
    !waiting.contains(&verb) && !long.iter().any(|long| verb.starts_with(long))
}

/// A space, and a name, an option or garbage.
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

/// A transfer that is aborted while it waits for the data connection.
fn transfer() -> impl Strategy<Value = Vec<u8>> {
    let passive = proptest::sample::select(vec!["EPSV", "PASV", "epsv 1"]);
    let verbs = [
        "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD", "NOOP",
    ];
    let verb = proptest::sample::select(verbs.to_vec());
    (passive, verb, argument()).prop_map(|(passive, verb, argument)| {
        let head = format!("{passive}\r\n{verb}").into_bytes();
        [head, argument.to_vec(), b"\r\nABOR\r\n".to_vec()].concat()
    })
}

fn cut<'a>(script: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut offsets: Vec<_> = cuts.iter().map(|cut| cut.index(script.len())).collect();
    offsets.extend([0, script.len()]);
    offsets.sort_unstable();
    offsets
        .windows(2)
        .map(|ends| &script[ends[0]..ends[1]])
        .collect()
}

/// Sends the pieces to a new server, one for each turn, and returns all its output until it closes.
fn converse(pieces: &[&[u8]]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let mut server = serve(directory.path());
    let mut client = TcpStream::connect(server.addresses()[0]).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut output = Vec::new();
    for piece in pieces {
        // The server may have closed the connection before the end of the script.
        if client.write_all(piece).is_err() {
            break;
        }
        server.turn(Some(Duration::ZERO)).unwrap();
    }
    until("the server to close", || {
        server.turn(Some(Duration::from_millis(1))).unwrap();
        match client.read_to_end(&mut output) {
            Ok(_) => Some(()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => panic!("{e} after {}", output.escape_ascii()),
        }
    });
    output
}

fn serve(root: &Path) -> Server {
    let timings = Timings {
        // Without the delay of failed logins, which other tests cover.
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
