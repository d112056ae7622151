//! What an operator sees and does: `who`, `kick`, `drain` and `reload`, and the sessions as JSON.

use std::process::Output;

use crate::config::world::{World, text};
use crate::status::client::{Http, listening};
use crate::support::{Server, mioftpd, until};

pub(super) const BOTH: &str = "[status]\nlisten = [\"127.0.0.1:0\", \"unix:SOCKET\"]\n";

/// A server with a Unix socket and an address over TCP.
pub(super) fn start(world: &World) -> Server {
    let socket = world.path("status.sock");
    world.start(&BOTH.replace("SOCKET", socket.to_str().unwrap()))
}

pub(super) fn run(world: &World, arguments: &[&str]) -> Output {
    let socket = world.path("status.sock");
    let own = ["--status", socket.to_str().unwrap()];
    mioftpd(arguments.iter().chain(&own)).output().unwrap()
}

/// The standard output of a command that succeeds.
fn done(world: &World, arguments: &[&str]) -> String {
    let output = run(world, arguments);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

#[test]
fn who_lists_sessions_and_their_transfers() {
    let world = World::new();
    let server = start(&world);
    let idle = server.connect();
    let mut busy = server.login();
    let data = busy.passive();
    busy.command("STOR upload", 150);
    let mut stream = data.stream();
    std::io::Write::write_all(&mut stream, b"12345").unwrap();
    let sessions = until("the bytes", || {
        let parsed: serde_json::Value =
            serde_json::from_str(&done(&world, &["who", "--json"])).unwrap();
        let sessions = parsed["sessions"].as_array().unwrap().clone();
        let moving = sessions.iter().find(|one| !one["transfer"].is_null())?;
        (moving["transfer"]["bytes"] == 5).then_some(sessions)
    });
    let of = |peer: String| {
        sessions
            .iter()
            .find(|one| one["peer"] == peer.as_str())
            .unwrap()
    };
    let first = of(idle.local().to_string());
    assert_eq!(
        (&first["account"], &first["secured"]),
        (&serde_json::Value::Null, &"none".into())
    );
    assert_eq!(
        (first["command"].clone(), &first["activity"]),
        (serde_json::Value::Null, &"idle".into())
    );
    let second = of(busy.local().to_string());
    assert_eq!(
        (&second["account"], &second["command"]),
        (&"anonymous".into(), &"STOR".into())
    );
    assert_eq!(second["transfer"]["direction"], "upload");
    assert_eq!(second["transfer"]["path"], "/upload");
    let table = done(&world, &["who"]);
    assert!(table.starts_with("ID "), "{table}");
    assert!(table.contains("STOR /upload 5 bytes, "), "{table}");
    // The same over TCP.
    let over_tcp = Http::connect(listening(&server)[0]).get("/sessions").json();
    assert_eq!(over_tcp["sessions"].as_array().unwrap().len(), 2);
    drop(stream);
}

#[test]
fn kick_ends_a_session_and_its_transfer() {
    let world = World::new();
    let server = start(&world);
    let id_of = |peer: String| {
        let table = done(&world, &["who"]);
        let line = table.lines().find(|line| line.contains(&peer)).unwrap();
        line.split(' ').next().unwrap().to_owned()
    };
    let mut idle = server.login();
    let id = id_of(idle.local().to_string());
    assert_eq!(done(&world, &["kick", &id]), "The session is ended\n");
    let reply = idle.expect(421);
    assert!(
        reply.text().contains("the operator has ended it"),
        "{reply:?}"
    );
    idle.expect_end();
    let again = run(&world, &["kick", &id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("there is no session with this id"),
        "{again:?}"
    );

    let mut busy = server.login();
    let data = busy.passive();
    busy.command("STOR cut", 150);
    let _data = data.stream();
    done(&world, &["kick", &id_of(busy.local().to_string())]);
    let reply = busy.expect(426);
    assert!(
        reply.text().contains("The operator has ended the session"),
        "{reply:?}"
    );
    busy.expect(421);
    server.wait_for_log("the operator has ended it");
}

#[test]
fn drain_stops_the_server_and_can_be_watched() {
    let world = World::new();
    let mut server = start(&world);
    let mut busy = server.login();
    let data = busy.passive();
    busy.command("STOR last", 150);
    let stream = data.stream();
    let address = listening(&server)[0];
    let mut page = Http::connect(address);
    page.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    page.until("\"stopping\":false");
    done(&world, &["drain"]);
    page.until("\"stopping\":true");
    assert!(done(&world, &["drain"]).contains("stopping already"));
    assert!(done(&world, &["who"]).contains("STOR /last"));
    assert_eq!(
        Http::connect(address).get("/stats").json()["stopping"],
        true
    );
    drop(stream);
    busy.expect(226);
    busy.expect(421);
    // The page is ended with the server.
    page.rest();
    assert!(server.wait().success());
    assert!(!world.path("status.sock").exists());
}

#[test]
fn reload_reads_the_configuration() {
    let world = World::new();
    let server = start(&world);
    let socket = world.path("status.sock");
    let listen = BOTH.replace("SOCKET", socket.to_str().unwrap());
    world.write(&format!("greeting = \"New\"\n{listen}"));
    done(&world, &["reload"]);
    server.wait_for_log("The configuration was read again");
    // Keys that a reload does not change are named.
    world.write(&format!("{listen}connections = 7"));
    done(&world, &["reload"]);
    server.wait_for_log("status.connections");
}

#[test]
fn errors_name_the_socket_and_the_remedy() {
    let world = World::new();
    let nowhere = world.path("status.sock");
    let shown = nowhere.to_str().unwrap();
    for (arguments, code, message) in [
        (
            &["who"][..],
            1,
            format!("{shown}: No such file or directory; a server listens there with"),
        ),
        (&["kick"], 2, "kick needs the id of a session".to_owned()),
        (
            &["kick", "1 HTTP/1.1"],
            2,
            "is not the id of a session".to_owned(),
        ),
        (&["kick", "1", "2"], 2, "unexpected argument".to_owned()),
        (&["drain", "--json"], 2, "--json".to_owned()),
    ] {
        let output = run(&world, arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).contains(&message), "{output:?}");
    }
    world.write("");
    let file = world.file();
    let output = mioftpd(["who", "--config", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("status.listen has no Unix socket"),
        "{message}"
    );
    // A file that does exist has one.
    let server = start(&world);
    let output = mioftpd(["who", "-c", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    drop(server);
}

/// Silent clients have taken all places, also those that are kept for the Unix socket.
#[test]
fn operator_without_a_place_is_told_so() {
    let world = World::new();
    let socket = world.path("status.sock");
    let shown = socket.to_str().unwrap();
    let keys = BOTH.replace("SOCKET", shown);
    let server = world.start(&format!("{keys}connections = 1"));
    let mut silent: Vec<_> = (0..5).map(|_| Http::local(&socket)).collect();
    // More than those that are answered politely.
    for _ in 0..20 {
        let output = run(&world, &["who"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = text(&output.stderr);
        assert!(
            message.contains(&format!(
                "{shown}: 503 Service Unavailable: all connections"
            )),
            "{message}"
        );
    }
    // Over TCP, to a client that has sent its request.
    for _ in 0..20 {
        let mut http = Http::connect(listening(&server)[0]);
        http.send(&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20));
        assert_eq!(http.answer().code, 503);
    }
    server.connect().command("NOOP", 200);
    silent.pop();
    until("a place", || {
        run(&world, &["who"]).status.success().then_some(())
    });
}

#[test]
fn only_the_unix_socket_changes_anything() {
    let world = World::new();
    let server = start(&world);
    let mut client = server.login();
    let mut http = Http::connect(listening(&server)[0]);
    for first in ["POST /drain", "POST /reload", "DELETE /sessions/0"] {
        assert_eq!(http.request(first).code, 403);
        assert_eq!(
            http.request(&first.replace("POST", "GET").replace("DELETE", "GET"))
                .code,
            405
        );
    }
    client.command("NOOP", 200);
    let mut local = Http::local(&world.path("status.sock"));
    assert_eq!(local.request("DELETE /sessions/ffffff").code, 404);
    assert_eq!(local.request("DELETE /sessions/-1").code, 404);
    assert_eq!(
        local.request("DELETE /sessions/ffffffffffffffffff").code,
        404
    );
}
