//! `mioftpd probe`: each planted fault is found by its name, a server without one has no finding, and this
//! server has nothing worse than notes.
//!
//! What the probe must survive is here too: garbage, silence, refusals, and wrong usage.

mod faults;
mod liar;
#[cfg(feature = "tls")]
mod own;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Output;
use std::thread;

use serde_json::Value;

use crate::support::{DEADLINE, mioftpd};

/// Runs the probe on a server, with options that have no blanks.
fn probe(scheme: &str, address: SocketAddr, options: &str) -> Output {
    let arguments = ["probe".to_owned(), format!("{scheme}://{address}")];
    let options = options.split_whitespace().map(str::to_owned);
    mioftpd(arguments.into_iter().chain(options))
        .output()
        .unwrap()
}

/// The severity and the id of each finding, and the whole of it.
fn findings(output: &Output) -> (BTreeSet<(String, String)>, Value) {
    let json = serde_json::from_slice(&output.stdout);
    let json: Value = json.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let all = json["findings"].as_array().unwrap().iter();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let all = all
        .map(|one| (text(one, "severity"), text(one, "id")))
        .collect();
    (all, json)
}

/// A server that sends these bytes to each connection, and then closes it or keeps it.
fn babbling(bytes: &'static [u8], is_open: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for client in listener.incoming() {
            let mut client = client.unwrap();
            // It may have closed already.
            let _ = client.write_all(bytes);
            kept.extend(is_open.then_some(client));
        }
    });
    address
}

#[test]
fn what_is_no_ftp_server_is_said_with_exit_code_1() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (address, expected) in [
        (closed, "cannot connect: Connection refused"),
        (babbling(b"", false), "the server closed the connection"),
        (babbling(b"", true), "the server did not answer within 200ms"),
        (babbling(b"SSH-2.0-OpenSSH_9.9\r\n", true), "which is no FTP reply"),
        (babbling(b"\x16\x03\x01\x02\0\x01\n\xff", true), "which is no FTP reply"),
        (babbling(b"421 Too many.\r\n", true), "the connection was answered '421 Too many.'"),
        (babbling(vec![b'1'; 100_000].leak(), true), "a reply of more than 65536 bytes"),
        (babbling(b"120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n\
            120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n120 \r\n", true), "preliminary replies only"),
    ] {
        let output = probe("ftp", address, "--timeout 200ms");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// A byte now and then does not hold the probe.
#[test]
fn trickled_greeting_ends_at_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            while client.write_all(b"220-").is_ok() {
                thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    });
    let begun = std::time::Instant::now();
    let output = probe("ftp", address, "--timeout 500ms");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(begun.elapsed() < DEADLINE);
}

#[test]
fn session_of_garbage_after_the_greeting_is_a_finding() {
    let text = b"220 Hi\r\n220 Hi\r\n\xff\xfe garbage \x1b[2J\r\n";
    let output = probe("ftp", babbling(text, true), "--timeout 200ms");
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{page}");
    assert!(
        page.contains("[no-answer]") && !page.contains('\u{1b}'),
        "{page}"
    );
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
}

#[test]
fn wrong_usage_is_said_with_exit_code_2() {
    for (options, expected) in [
        (&["probe"][..], "probe needs the URL of a server"),
        (&["probe", "http://h"], "the URL is wrong"),
        (
            &["probe", "ftp://h", "--nonsense"],
            "unknown option --nonsense",
        ),
    ] {
        let output = mioftpd(options).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(expected), "{text}");
    }
    let help = mioftpd(["probe", "--help"]).output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Say what is wrong"));
}
