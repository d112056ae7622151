//! `mioftpd bench` on several servers: rounds, ratios, the floor, comparisons of files, pictures.
//!
//! Some of the servers answer after a time that is known, so that a ratio is known too.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Server, mioftpd};

fn bench(arguments: &str) -> Output {
    let arguments = arguments.split_whitespace().map(str::to_owned);
    mioftpd(["bench".to_owned()].into_iter().chain(arguments))
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server that answers each command after a time.
fn slow(time: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            // A client that is gone ends the conversation.
            thread::spawn(move || answer(&client.unwrap(), time));
        }
    });
    address
}

fn answer(client: &TcpStream, time: Duration) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut output = client;
    output.write_all(b"220 hello\r\n")?;
    for line in BufReader::new(client).lines() {
        thread::sleep(time);
        let reply = match line?.as_str() {
            "USER anonymous" => "230 in\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "200 ok\r\n",
        };
        output.write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// An injected delay is found: never less, and not much more even on a busy machine.
#[test]
fn delays_are_found() {
    for milliseconds in [1, 5, 20] {
        let delay = Duration::from_millis(milliseconds);
        let options = "--count 40 --warmup 0s --json";
        let text = text(&bench(&format!("ftp://{} {options}", slow(delay))));
        let results: Value = serde_json::from_str(&text).unwrap();
        let median = results["latency_seconds"]["p50"].as_f64().unwrap();
        // A busy machine adds its own.
        let range = delay.as_secs_f64()..delay.as_secs_f64() + 0.05;
        assert!(range.contains(&median), "{delay:?}: {results}");
    }
}

#[test]
fn rounds_are_interleaved_and_give_ratios() {
    let [fast, slower] = [1, 10].map(|time| slow(Duration::from_millis(time)));
    let options = "--count 10 --warmup 0s --rounds 3";
    let page = text(&bench(&format!(
        "ftp://{fast} --against ftp://{slower} {options}"
    )));
    assert!(
        page.contains("3 rounds of each server, interleaved"),
        "{page}"
    );
    let line = page
        .lines()
        .find(|line| line.starts_with(&slower.to_string()))
        .unwrap();
    let ratio: f64 = line.split_whitespace().nth(7).unwrap().parse().unwrap();
    assert!(
        (1.5..11.0).contains(&ratio) && line.contains(" to "),
        "{page}"
    );
    // The same server twice, with its rounds as JSON and as lines.
    let both = format!("ftp://{fast} --against ftp://{fast} {options}");
    let results: Value = serde_json::from_str(&text(&bench(&format!("{both} --json")))).unwrap();
    assert_eq!(results["rounds"], 3);
    let rounds = |server: usize| {
        results["servers"][server]["rounds"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((rounds(0), rounds(1)), (3, 3));
    let lines = text(&bench(&format!("{both} --csv")));
    assert_eq!(lines.lines().count(), 7, "{lines}");
    assert!(
        lines
            .lines()
            .skip(1)
            .all(|line| line.starts_with("127.0.0.1:")),
        "{lines}"
    );
}

#[test]
fn floor_is_measured_beside_a_server() {
    let server = Server::control_only();
    let address = server.address();
    for options in [
        "--depth 4 --connections 2",
        "--rate 500",
        "--workload idle --connections 5",
    ] {
        let page = text(&bench(&format!(
            "ftp://{address} --floor --rounds 2 --duration 100ms --warmup 0s {options}"
        )));
        assert!(
            page.contains("\nfloor ") && page.contains(&format!("\n{address} ")),
            "{page}"
        );
        assert!(page.contains("use --rounds 5 or more"), "{page}");
    }
    let with_accounts = Server::read_only(|_| ());
    let address = with_accounts.address();
    let page = text(&bench(&format!(
        "ftp://{address} --floor --rounds 3 --workload login --count 5 --warmup 0s"
    )));
    assert!(page.contains("~: the difference may be noise"), "{page}");
}

#[test]
fn files_of_results_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let [fast, slower] = [("a", 1), ("b", 10)].map(|(name, time)| {
        let address = slow(Duration::from_millis(time));
        let json = bench(&format!(
            "ftp://{address} --rounds 3 --count 10 --warmup 0s --json"
        ));
        let path = directory.path().join(name);
        std::fs::write(&path, text(&json)).unwrap();
        path
    });
    let compare = |first: &Path, second: &Path| {
        bench(&format!(
            "--compare {} {}",
            first.display(),
            second.display()
        ))
    };
    let page = text(&compare(&fast, &slower));
    let ratio = page
        .lines()
        .nth(4)
        .unwrap()
        .split_whitespace()
        .nth(7)
        .unwrap();
    assert!(
        ratio.parse::<f64>().unwrap() > 1.5 && page.contains(" to "),
        "{page}"
    );
    assert!(text(&compare(&fast, &fast)).contains("~1.000 ("), "{page}");
    std::fs::write(&slower, "nonsense").unwrap();
    let output = compare(&fast, &slower);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("it is not what bench --json prints"),
        "{error}"
    );
}

#[test]
fn pictures_are_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latency.svg");
    let shown = path.display();
    let server = Server::control_only();
    let url = format!("ftp://{}", server.address());
    text(&bench(&format!(
        "{url} --duration 300ms --warmup 0s --plot {shown}"
    )));
    let one = std::fs::read_to_string(&path).unwrap();
    assert!(
        one.starts_with("<svg ") && one.ends_with("</svg>\n"),
        "{one}"
    );
    assert_eq!(one.matches("<polyline").count(), 1, "{one}");
    assert!(one.contains("<rect") && one.contains("99.9 %"), "{one}");
    let both = format!("{url} --against {url} --rounds 1 --count 50 --warmup 0s --plot {shown}");
    text(&bench(&both));
    let two = std::fs::read_to_string(&path).unwrap();
    assert_eq!(two.matches("<polyline").count(), 2, "{two}");
    assert!(!two.contains("<rect"), "{two}");
    let output = bench(&format!(
        "{url} --count 1 --plot {}/no/x.svg",
        directory.path().display()
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--plot ") && error.contains("No such file"),
        "{error}"
    );
}

/// A server that serves one connection, and is gone.
fn leaving() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        drop(listener);
        answer(&client, Duration::ZERO)
    });
    address
}

#[test]
fn server_that_leaves_takes_nothing_from_the_others() {
    let (stays, leaves) = (slow(Duration::ZERO), leaving());
    let output = bench(&format!(
        "ftp://{stays} --against ftp://{leaves} --rounds 3 --count 20 --warmup 0s"
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = String::from_utf8(output.stdout).unwrap();
    let missing = format!("{leaves}: rounds are missing: nothing was measured");
    assert!(page.contains(&missing), "{page}");
    assert!(page.contains(&stays.to_string()), "{page}");
}

#[test]
fn results_are_printed_if_their_log_cannot_be_written() {
    let server = Server::control_only();
    let output = bench(&format!(
        "ftp://{} --count 20 --warmup 0s --hdr /dev/full",
        server.address()
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("done                20"));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("--hdr /dev/full: No space left on device"),
        "{error}"
    );
}

#[test]
fn process_that_ends_is_said_to_be_gone() {
    let server = Server::control_only();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let options = format!(
        "ftp://{} --duration 2s --warmup 0s --pid {}",
        server.address(),
        other.id()
    );
    let page = thread::scope(|scope| {
        let bench = scope.spawn(|| text(&bench(&options)));
        server.wait_for_log("Accepted new connection");
        other.kill().unwrap();
        // A process that nobody waits for is not gone.
        other.wait().unwrap();
        bench.join().unwrap()
    });
    assert!(
        page.contains("it has ended, and was not measured"),
        "{page}"
    );
}
