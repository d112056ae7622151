//! `mioftpd trace` and `POST /trace`: what a client gets, and what becomes of a trace that nobody takes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Output;
use std::thread;

use super::operator::{BOTH, run, start};
use crate::config::world::{World, text};
use crate::status::client::{Http, listening};
use crate::support::{Starter, binary, mioftpd, until};
use crate::trace::format::Trace;

/// Does something until the trace is there.
fn traced(world: &World, arguments: &[&str], visit: impl FnMut()) -> Output {
    let mut visit = visit;
    thread::scope(|scope| {
        let tracing =
            scope.spawn(|| run(world, &[&["trace", "--seconds", "1"], arguments].concat()));
        while !tracing.is_finished() {
            visit();
        }
        tracing.join().unwrap()
    })
}

#[test]
fn trace_of_a_running_server_is_recorded() {
    let world = World::new();
    fs::write(world.path("root/file-name"), "").unwrap();
    let server = start(&world);
    let mut client = server.login();
    let file = world.path("trace.json");
    let arguments = ["--output", file.to_str().unwrap()];
    let mut who = Http::local(&world.path("status.sock"));
    let output = traced(&world, &arguments, || {
        client.command("STAT file-name", 213);
        // Others are answered meanwhile.
        who.get("/sessions");
    });
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        Default::default()
    );
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let trace = Trace::read(&file);
    let commands = trace.on(&format!("{} commands", client.local()));
    assert!(commands.contains(&"STAT"), "{commands:?}");
    assert!(!trace.text.contains("file-name"));

    let output = traced(&world, &["--names"], || {
        client.command("STAT file-name", 213);
    });
    assert!(output.status.success(), "{output:?}");
    let trace = Trace::parse(text(&output.stdout));
    let commands = trace.on(&format!("{} commands", client.local()));
    assert!(commands.contains(&"STAT file-name"), "{commands:?}");
}

const ONE_MINUTE: &[u8] = b"POST /trace?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn one_trace_at_a_time_and_it_is_dropped_with_its_client() {
    let world = World::new();
    let _server = start(&world);
    let ask = || Http::local(&world.path("status.sock"));
    let mut first = ask();
    first.send(ONE_MINUTE);
    let refused = ask().request("POST /trace?seconds=1");
    assert_eq!(refused.code, 409);
    assert!(refused.body.contains("another client"), "{refused:?}");
    drop(first);
    let (answer, client) = until("a trace", || {
        let mut client = ask();
        let answer = client.request("POST /trace?seconds=1");
        (answer.code == 200).then_some((answer, client))
    });
    let head = answer.head;
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(
        head.contains("\r\nContent-Type: application/json\r\n"),
        "{head}"
    );
    Trace::parse(answer.body);
    assert_eq!(client.rest(), "");
}

#[test]
fn trace_ends_with_the_server() {
    let world = World::new();
    let mut server = start(&world);
    let mut first = Http::local(&world.path("status.sock"));
    first.send(ONE_MINUTE);
    let refused = Http::local(&world.path("status.sock")).request("POST /trace");
    assert_eq!(refused.code, 409);
    server.terminate();
    assert_eq!(first.rest(), "");
    assert!(server.wait().success());
}

#[test]
fn answer_that_is_cut_is_an_error_and_no_file() {
    let world = World::new();
    let listener = UnixListener::bind(world.path("status.sock")).unwrap();
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"displa"] {
        let file = world.path("trace.json");
        let output = thread::scope(|scope| {
            let shown = file.to_str().unwrap();
            let tracing = scope.spawn(|| run(&world, &["trace", "--output", shown]));
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
            drop(stream);
            tracing.join().unwrap()
        });
        assert_eq!(output.status.code(), Some(1));
        let message = text(&output.stderr);
        assert!(message.contains("the server may have stopped"), "{message}");
        assert!(!file.exists());
    }
}

#[test]
fn trace_is_refused_over_tcp_and_beside_the_option() {
    let world = World::new();
    let server = start(&world);
    let mut http = Http::connect(listening(&server)[0]);
    assert_eq!(http.request("POST /trace?seconds=1").code, 403);
    drop(server);
    let file = world.path("trace.json");
    let socket = world.path("status.sock");
    world.write(&BOTH.replace("SOCKET", socket.to_str().unwrap()));
    let program = [binary(), "--config".into(), world.file().into()];
    let program = program.into_iter().chain(["--trace".into(), file.into()]);
    let _server = Starter::default().program(program).start();
    let output = run(&world, &["trace"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("--trace is recording"),
        "{output:?}"
    );
}

#[test]
fn arguments_are_checked_before_the_server_is_asked() {
    for (arguments, message) in [
        (
            &["trace", "--seconds", "0"][..],
            "--seconds: invalid value '0'; use a number from 1 to 60",
        ),
        (
            &["trace", "--seconds", "61"],
            "--seconds: invalid value '61'",
        ),
        (&["trace", "--seconds", "x"], "--seconds: invalid value 'x'"),
        (&["trace", "now"], "unexpected argument"),
        (&["who", "--output", "f"], "--output"),
    ] {
        let output = mioftpd(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{output:?}");
    }
}

/// A client that reads nothing for a while delays no one, and gets all of it.
#[test]
fn large_trace_waits_for_its_client() {
    let world = World::new();
    let server = start(&world);
    let mut client = server.login();
    let mut http = Http::local(&world.path("status.sock"));
    http.send(b"POST /trace?seconds=2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut other = Http::local(&world.path("status.sock"));
    let mut work = || {
        client.send_raw(&b"NOOP\r\n".repeat(50));
        for _ in 0..50 {
            client.expect(200);
        }
        other.get("/sessions");
    };
    until("the end of recording", || {
        work();
        server.has_thread("trace").then_some(())
    });
    work();
    assert!(
        server.has_thread("trace"),
        "the trace is smaller than the buffers"
    );
    let trace = Trace::parse(http.answer().body);
    let commands = trace.on(&format!("{} commands", client.local()));
    assert!(commands.len() > 500, "{}", commands.len());
}

#[test]
fn trace_is_shorter_where_memory_is_limited() {
    let world = World::new();
    world.write("[limits]\nmemory = \"64MiB\"");
    let file = world.path("trace.json");
    let program = [binary(), "--config".into(), world.file().into()];
    let program = program
        .into_iter()
        .chain(["--trace".into(), file.clone().into()]);
    let mut server = Starter::default().program(program).start();
    let mut client = server.login();
    for _ in 0..120 {
        client.send_raw(&b"NOOP\r\n".repeat(50));
        for _ in 0..50 {
            client.expect(200);
        }
    }
    server.terminate();
    client.expect(421);
    client.close();
    assert!(server.wait().success());
    // The record of its address is lost.
    let kept = Trace::read(&file).on("connection 1 commands").len();
    assert!((500..6000).contains(&kept), "{kept}");
}
