//! `mioftpd bench`: what it measures is true, and what goes wrong is counted, said, and an exit code.
//!
//! Beside the server there are some that stall, refuse, close and talk nonsense.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Server, mioftpd};

const STALL: Duration = Duration::from_millis(100);

/// Runs a load against an address.
fn bench(address: SocketAddr, options: &str) -> Output {
    let url = format!("ftp://{address}");
    let options = options.split_whitespace().map(str::to_owned);
    let arguments = ["bench".to_owned(), url].into_iter().chain(options);
    mioftpd(arguments).output().unwrap()
}

/// The results of a load without errors.
fn results(address: SocketAddr, options: &str) -> Value {
    let output = bench(address, &format!("{options} --json"));
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn latency(results: &Value, name: &str) -> f64 {
    results["latency_seconds"][name].as_f64().unwrap()
}

/// A server that answers each line by what `answer` makes of its number in its connection; `None`: it closes.
fn serving(
    greeting: &'static str,
    answer: impl Fn(usize, &str) -> Option<String> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let answer = answer.clone();
            // A client that is gone ends the conversation.
            thread::spawn(move || converse(&client.unwrap(), greeting, answer));
        }
    });
    address
}

fn converse(
    client: &TcpStream,
    greeting: &str,
    answer: impl Fn(usize, &str) -> Option<String>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut output = client;
    output.write_all(greeting.as_bytes())?;
    for (number, line) in BufReader::new(client).lines().enumerate() {
        match answer(number, &line?) {
            Some(reply) => output.write_all(reply.as_bytes())?,
            None => break,
        }
    }
    Ok(())
}

/// As an FTP server without accounts.
fn usual(line: &str) -> String {
    let reply = match line {
        "NOOP" => "200 ok\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "502 no\r\n",
    };
    reply.to_owned()
}

#[test]
fn commands_are_counted_exactly() {
    let server = Server::control_only();
    let with_accounts = Server::read_only(|_| ());
    for (options, commands) in [
        ("--count 1000 --warmup 0s", 1000),
        ("--count 777 --depth 16 --connections 3 --warmup 10ms", 777),
        ("--count 50 --rate 2000 --warmup 0s", 50),
        (
            "--count 50 --rate 2000 --poisson --connections 7 --warmup 5ms",
            50,
        ),
        (
            "--count 20 --workload login --connections 3 --warmup 0s",
            20,
        ),
        (
            "--count 100 --workload idle --connections 50 --warmup 0s",
            100,
        ),
    ] {
        let is_login = options.contains("login");
        let server = if is_login { &with_accounts } else { &server };
        let results = results(server.address(), options);
        assert_eq!(results["commands"], commands, "{options}: {results}");
        assert_eq!(results["errors"], serde_json::json!({}), "{options}");
        let names = ["p50", "p90", "p99", "p99.9", "p99.99", "max"];
        let times = names.map(|name| latency(&results, name));
        assert!(times.is_sorted() && times[0] > 0.0, "{options}: {times:?}");
    }
}

/// A stall of 100 ms at every 500th command: at 1,000 commands a second each is followed by 100 others that
/// wait for a part of it, so that p99 of all is 95 ms. A client that waits for each reply meets a stall once
/// in 500 commands, which is no part of its p99.
#[test]
fn stalls_do_not_hide_from_a_rate() {
    let address = serving("220 hello\r\n", |number, line| {
        if number % 500 == 499 {
            thread::sleep(STALL);
        }
        Some(usual(line))
    });
    let open = results(address, "--rate 1000 --count 2000 --warmup 0s");
    let p99 = latency(&open, "p99");
    assert!(p99 >= 0.08, "{open}");
    let closed = results(address, "--count 2000 --warmup 0s");
    assert!(latency(&closed, "p99") < p99 / 2.0, "{closed}");
    assert!(latency(&closed, "max") >= STALL.as_secs_f64(), "{closed}");
}

/// A delay is never measured as less than it is. On a busy machine more is added, so that one of ten rounds
/// has to come near.
#[test]
fn delay_of_the_server_is_the_median() {
    for milliseconds in [1, 5, 20] {
        let delay = Duration::from_millis(milliseconds);
        let address = serving("220 hello\r\n", move |_, line| {
            thread::sleep(delay);
            Some(usual(line))
        });
        let round = |_| {
            let results = results(address, "--count 51 --warmup 0s");
            let median = latency(&results, "p50") / delay.as_secs_f64();
            assert!(median > 0.999, "{milliseconds} ms: {results}");
            median
        };
        let is_near = (0..10).map(round).any(|median| median < 1.3);
        assert!(is_near, "{milliseconds} ms");
    }
}

#[test]
fn errors_are_counted_by_kind_and_said() {
    let no_noop = |number, line: &str| match number {
        3 => Some("500 what?\r\n".to_owned()),
        _ => Some(usual(line)),
    };
    let closes = |number, line: &str| (number != 5).then(|| usual(line));
    let talks = |number, line: &str| match number {
        4 => Some("200 ok\r\n200 and again\r\n".to_owned()),
        _ => Some(usual(line)),
    };
    let refused = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = refused.local_addr().unwrap();
    drop(refused);
    for (address, kind, sentence) in [
        (
            serving("220 hi\r\n", no_noop),
            "500 to NOOP",
            "NOOP was answered '500 what?'",
        ),
        (
            serving("220 hi\r\n", closes),
            "closed by the server",
            "the server closed the connection",
        ),
        (
            serving("220 hi\r\n", talks),
            "reply without a command",
            "sent '200 and again' without",
        ),
        (
            serving("421 full\r\n", |_, _| None),
            "",
            "the connection was answered '421 full'",
        ),
        (
            serving("SSH-2.0\r\n", |_, _| None),
            "",
            "'SSH-2.0', which is no FTP reply",
        ),
        (
            serving("", |_, _| None),
            "",
            "did not let the client in in time (--timeout)",
        ),
        (nobody, "", "Connection refused"),
    ] {
        let output = bench(address, "--count 20 --warmup 0s --timeout 300ms");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        if kind.is_empty() {
            assert!(err.contains("nothing was measured at "), "{err}");
            assert!(err.contains(sentence), "{err}");
        } else {
            assert!(out.contains(&format!("1 {kind}\n")), "{out}");
            assert!(out.contains(sentence), "{out}");
        }
    }
}

#[test]
fn interrupt_ends_with_the_results_so_far() {
    let (sender, receiver) = mpsc::channel();
    let address = serving("220 hi\r\n", move |number, line| {
        if number == 200 {
            sender.send(()).unwrap();
        }
        Some(usual(line))
    });
    let url = format!("ftp://{address}");
    let mut command = mioftpd([
        "bench",
        &url,
        "--duration",
        "1h",
        "--warmup",
        "0s",
        "--json",
    ]);
    let child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    receiver.recv_timeout(Duration::from_secs(30)).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(results["commands"].as_u64().unwrap() >= 199, "{results}");
}

#[test]
fn process_is_measured_and_times_are_logged() {
    let server = Server::read_only(|_| ());
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("times.hlog");
    let pid = std::process::id();
    let options = format!(
        "--count 200 --warmup 0s --pid {pid} --hdr {}",
        log.display()
    );
    let results = results(server.address(), &options);
    assert!(
        results["process"]["memory_bytes"].as_u64().unwrap() > 0,
        "{results}"
    );
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.starts_with("#[mioftpd bench"), "{log}");
    assert!(log.contains(",HISTFAAAA"), "{log}");
    for (option, sentence) in [
        (
            "--pid 4294967295",
            "--pid 4294967295: /proc/4294967295/stat",
        ),
        ("--hdr /nowhere/file", "--hdr /nowhere/file: "),
    ] {
        let output = bench(server.address(), option);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(sentence), "{text}");
    }
}

#[test]
fn hosts_of_others_are_not_loaded_by_mistake() {
    let output = mioftpd(["bench", "ftp://203.0.113.7"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--i-may-load-this-host"), "{text}");
    let output = mioftpd(["bench", "ftp://127.0.0.1", "--depth", "0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// The options that are read are those of the help, which the main help names.
#[test]
fn help_shows_every_option() {
    let output = mioftpd(["bench", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let words = help.split([' ', ',', '\n']);
    let options = words.filter_map(|word| word.strip_prefix("--"));
    let mut count = 0;
    for option in options.filter(|option| *option != "help") {
        count += 1;
        let output = mioftpd(["bench", &format!("--{option}"), "0"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(!text.contains("unknown option"), "{text}");
    }
    assert_eq!(count, 35);
    let main = String::from_utf8(mioftpd(["--help"]).output().unwrap().stdout).unwrap();
    assert!(main.contains("mioftpd bench URL"));
}
