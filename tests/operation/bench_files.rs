//! `mioftpd bench` with files and TLS: every workload against this server, in each way, and `--verify`
//! against a server that changes what it sends.
//!
//! The lying server is a thread of its own with real sockets, and lies in one way.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::support::{Server, Starter, mioftpd};

fn bench(url: &str, options: &str) -> Output {
    let options = options.split_whitespace().map(str::to_owned);
    let arguments = ["bench".to_owned(), url.to_owned()].into_iter();
    mioftpd(arguments.chain(options)).output().unwrap()
}

/// The rows of a run without errors: their names, and how often each was done.
fn rows(url: &str, options: &str) -> Vec<(String, u64)> {
    let output = bench(url, &format!("{options} --json"));
    assert!(output.status.success(), "{options}: {output:?}");
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |row: &Value| {
        let name = row["name"].as_str().unwrap().to_owned();
        (name, row["commands"].as_u64().unwrap())
    };
    results["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect()
}

fn writable() -> Starter {
    let starter = Starter::default().argument("--user").argument("ann");
    starter.variable("MIOFTPD_PASSWORD", "secret").patient()
}

const FILES: [&str; 7] = ["retr", "stor", "append", "list", "mlsd", "small", "mixed"];

/// Each workload does what it was asked for, and leaves no file behind.
fn works(server: &Server, scheme: &str, options: &str) {
    let address = match scheme {
        "ftps" => server.secure_address(),
        _ => server.address(),
    };
    let url = format!("{scheme}://ann:secret@{address}");
    for workload in FILES {
        let options = format!(
            "--workload {workload} --count 12 --warmup 0s --size 70k --connections 3 --timeout 60s {options}"
        );
        let rows = rows(&url, &options);
        let done: u64 = rows.iter().map(|(_, count)| count).sum();
        assert_eq!(done, 12, "{options}: {rows:?}");
        let left = std::fs::read_dir(server.root()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["there"], "{options}");
    }
}

fn fill(root: &std::path::Path) {
    std::fs::write(root.join("there"), "some text").unwrap();
}

#[test]
fn files_move_in_passive_and_in_active_mode() {
    let server = writable().serving(fill).start();
    works(&server, "ftp", "");
    works(&server, "ftp", "--active");
}

#[test]
fn content_that_comes_back_whole_is_verified() {
    let server = writable().serving(fill).start();
    let url = format!("ftp://ann:secret@{}", server.address());
    for (workload, names) in [
        ("retr", &["retr"][..]),
        ("stor", &["stor stor", "stor retr"]),
        ("small", &["small stor", "small retr", "small delete"]),
        ("mixed --mix retr:2,noop:1", &["mixed retr", "mixed noop"]),
    ] {
        let options = format!(
            "--workload {workload} --verify --count 20 --warmup 0s --size 300k --timeout 60s"
        );
        let rows = rows(&url, &options);
        assert!(
            rows.iter()
                .map(|(name, _)| name.as_str())
                .eq(names.iter().copied()),
            "{rows:?}"
        );
        assert!(rows.iter().all(|(_, count)| *count > 0), "{rows:?}");
    }
    let given = format!("{url}/there");
    assert_eq!(
        rows(&given, "--workload retr --count 5 --warmup 0s"),
        [("retr".to_owned(), 5)]
    );
}

/// Others go on beside the first workload, and end with it.
#[test]
fn workloads_are_measured_side_by_side() {
    let server = writable().serving(fill).start();
    let url = format!("ftp://ann:secret@{}", server.address());
    let options = "--workload retr --count 30 --warmup 0s --size 100k --beside noop:2 --beside list \
        --beside login --timeout 60s";
    let rows = rows(&url, options);
    let names: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["retr", "noop", "list", "login"]);
    assert_eq!(rows[0].1, 30, "{rows:?}");
    assert!(rows[1].1 > 0, "{rows:?}");
}

/// Clients of two workloads fetch one shared file, and each has files of its own: none meets another's.
#[test]
fn files_of_workloads_side_by_side_are_apart() {
    let server = writable().serving(fill).start();
    let url = format!("ftp://ann:secret@{}", server.address());
    let options = "--workload retr --count 40 --warmup 0s --size 50k --beside mixed --beside stor \
        --beside small:2 --verify --timeout 60s";
    let rows = rows(&url, options);
    assert_eq!(rows[0], ("retr".to_owned(), 40), "{rows:?}");
    assert_eq!(server.names(), ["there"]);
}

/// The rate of a number of files is that of their bytes in the time that they took.
#[test]
fn time_of_a_number_of_files_ends_with_the_last() {
    let server = writable().serving(fill).start();
    let url = format!("ftp://ann:secret@{}", server.address());
    for (workload, bytes) in [("stor", "bytes_sent"), ("retr", "bytes_received")] {
        let options = format!("--workload {workload} --count 1 --warmup 0s --size 3M --json");
        let output = bench(&url, &options);
        let results: Value = serde_json::from_slice(&output.stdout).unwrap();
        let row = &results["rows"][0];
        let took = row["latency_seconds"]["p50"].as_f64().unwrap();
        // The histogram rounds up, by a thousandth at most.
        assert!(
            results["seconds"].as_f64().unwrap() > took * 0.998,
            "{results}"
        );
        assert!(
            (3 << 20..4 << 20).contains(&row[bytes].as_u64().unwrap()),
            "{results}"
        );
    }
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;
    use crate::support::certificates::Authority;

    struct Secured {
        server: Server,
        authority: Authority,
    }

    fn secured(implicit: bool) -> Secured {
        let authority = Authority::new();
        let identity = authority.server("server");
        let starter = writable()
            .argument("--tls-cert")
            .argument(identity.certificate_file)
            .argument("--tls-key")
            .argument(identity.key_file)
            .argument("--tls-require=data")
            .argument("--tls-data-session=require");
        let starter = if implicit {
            starter.listen_for_tls("127.0.0.1:0")
        } else {
            starter
        };
        let server = starter.serving(fill).start();
        Secured { server, authority }
    }

    #[test]
    fn files_move_with_explicit_tls() {
        let Secured { server, authority } = secured(false);
        let ca = authority.file().display().to_string();
        works(&server, "ftpes", &format!("--ca {ca}"));
        works(&server, "ftp", &format!("--tls --active --ca {ca}"));
    }

    #[test]
    fn files_move_with_implicit_tls() {
        let Secured { server, authority } = secured(true);
        let ca = authority.file().display().to_string();
        works(&server, "ftps", &format!("--ca {ca}"));
    }

    #[test]
    fn handshakes_are_measured_whole_and_resumed() {
        let Secured { server, .. } = secured(false);
        let url = format!("ftpes://ann:secret@{}", server.address());
        let options = "--count 20 --warmup 0s --insecure --timeout 60s --workload";
        let full = rows(&url, &format!("{options} handshake"));
        assert_eq!(full, [("handshake".to_owned(), 20)]);
        // The first one of a connection has nothing to resume.
        let resumed = rows(&url, &format!("{options} resume"));
        assert_eq!(resumed, [("resume".to_owned(), 19)]);
        let login = rows(&url, &format!("{options} login"));
        assert_eq!(login, [("login".to_owned(), 20)]);
        assert_eq!(
            rows(&url, &format!("{options} noop")),
            [("noop".to_owned(), 20)]
        );
    }

    #[test]
    fn certificates_that_nobody_has_signed_are_refused() {
        let Secured { server, .. } = secured(false);
        let other = Authority::called("Another");
        let url = format!("ftpes://ann:secret@{}", server.address());
        let ca = other.file().display().to_string();
        let output = bench(&url, &format!("--count 1 --warmup 0s --ca {ca}"));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("TLS failed: no known authority has signed it"),
            "{text}"
        );
        // A server without TLS, and one that speaks something else.
        let plain = Server::read_only(|_| ());
        for (scheme, expected) in [
            ("ftpes", "AUTH TLS was answered '5"),
            ("ftps", "TLS failed: "),
        ] {
            let url = format!("{scheme}://{}", plain.address());
            let output = bench(&url, "--count 1 --warmup 0s --insecure --timeout 5s");
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains(expected), "{scheme}: {text}");
        }
    }
}

/// How a server lies about files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Flips,
    Shortens,
    Lengthens,
    /// Sends the file that was stored before.
    Swaps,
    /// Ends the data connection in the middle and says so.
    BreaksOff,
    /// The port of its 229 refuses.
    RefusesData,
    /// Closes the control connection in the middle.
    Leaves,
}

type Stored = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

fn lying(lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stored = Stored::default();
    thread::spawn(move || {
        for client in listener.incoming() {
            let stored = Arc::clone(&stored);
            // A client that is gone ends the conversation.
            thread::spawn(move || lie_to(&client.unwrap(), lie, &stored));
        }
    });
    address
}

fn lie_to(client: &TcpStream, lie: Lie, stored: &Stored) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut output = client;
    let mut passive = None;
    output.write_all(b"220 hello\r\n")?;
    for command in BufReader::new(client).lines() {
        let command = command?;
        let (verb, name) = command.split_once(' ').unwrap_or((&command, ""));
        let simple: HashMap<_, _> = [
            ("USER", "331 ?"),
            ("PASS", "230 in"),
            ("QUIT", "221 bye"),
            ("DELE", "250 gone"),
            ("TYPE", "200 ok"),
        ]
        .into();
        match verb {
            "EPSV" => {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let port = listener.local_addr()?.port();
                // A listener that is dropped refuses.
                passive = (lie != Lie::RefusesData).then_some(listener);
                write!(output, "229 ok (|||{port}|)\r\n")?;
            }
            "STOR" => {
                output.write_all(b"150 go\r\n")?;
                let mut bytes = Vec::new();
                if let Some(listener) = passive.take() {
                    listener.accept()?.0.read_to_end(&mut bytes)?;
                }
                stored.lock().unwrap().push((name.to_owned(), bytes));
                output.write_all(b"226 done\r\n")?;
            }
            "RETR" => {
                let bytes = altered(lie, name, &stored.lock().unwrap());
                output.write_all(b"150 here\r\n")?;
                if let Some(listener) = passive.take() {
                    listener.accept()?.0.write_all(&bytes)?;
                }
                match lie {
                    Lie::Leaves => return Ok(()),
                    Lie::BreaksOff => output.write_all(b"426 broken off\r\n")?,
                    _ => output.write_all(b"226 done\r\n")?,
                }
            }
            verb => {
                let reply = simple.get(verb).unwrap_or(&"502 no");
                write!(output, "{reply}\r\n")?;
            }
        }
    }
    Ok(())
}

fn altered(lie: Lie, name: &str, stored: &[(String, Vec<u8>)]) -> Vec<u8> {
    let found = |name: &str| stored.iter().rev().find(|(known, _)| known == name);
    let mut bytes = found(name).unwrap().1.clone();
    match lie {
        Lie::Flips => bytes[12_345] ^= 4,
        Lie::Shortens | Lie::BreaksOff => bytes.truncate(54_321),
        Lie::Lengthens => bytes.push(0),
        Lie::Swaps => {
            if let Some((_, other)) = stored.iter().find(|(other, _)| other != name) {
                bytes.clone_from(other);
            }
        }
        Lie::RefusesData | Lie::Leaves => {}
    }
    bytes
}

#[test]
fn lies_about_files_are_found() {
    for (lie, workload, kind, sentence) in [
        (Lie::Flips, "stor", "verify: other bytes", "byte 12345 is"),
        (
            Lie::Shortens,
            "stor",
            "verify: too short",
            "it has 54321 bytes of 60000",
        ),
        (
            Lie::Lengthens,
            "stor",
            "verify: too long",
            "more than its 60000 bytes",
        ),
        (Lie::Swaps, "small", "verify: other bytes", "byte 0 is"),
        (Lie::BreaksOff, "stor", "426 to RETR", "'426 broken off'"),
        (
            Lie::Leaves,
            "small",
            "closed by the server",
            "closed the connection",
        ),
        (
            Lie::RefusesData,
            "stor",
            "",
            "a data connection failed: Connection refused",
        ),
    ] {
        let url = format!("ftp://ann:secret@{}", lying(lie));
        let options = format!(
            "--workload {workload} --verify --count 9 --warmup 0s --size 60000 --timeout 20s"
        );
        let output = bench(&url, &options);
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {output:?}");
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let page = out + &err;
        assert!(
            page.contains(kind) && page.contains(sentence),
            "{lie:?}: {page}"
        );
    }
}
