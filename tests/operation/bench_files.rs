//! `mioftpd bench` with files and TLS: every workload against this server, in each way.
//!
//! Each run does what it was asked for, and leaves no file behind.

use std::process::{Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Server, Starter, mioftpd, until};

pub(super) fn bench(url: &str, options: &str) -> Output {
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

#[test]
fn interrupt_leaves_no_file() {
    let server = writable().serving(fill).start();
    let url = format!("ftp://ann:secret@{}", server.address());
    for workload in ["retr", "stor", "append", "small", "mixed"] {
        let options = "--duration 1h --warmup 0s --size 200k --connections 3 --json --workload";
        let options = options.split(' ').chain([workload]);
        let mut command = mioftpd(["bench", &url].into_iter().chain(options));
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("a file", || {
            thread::yield_now();
            (server.names().len() > 1).then_some(())
        });
        // Its handler is there before the first connection.
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || text.contains("before the end of the warm-up"),
            "{text}"
        );
        assert_eq!(server.names(), ["there"], "{workload}");
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
