//! What the service withstands: malformed, endless, pipelined and many requests, and clients that leave.

use std::net::TcpStream;

use crate::config::world::World;
use crate::status::client::{Http, listening};
use crate::support::{Server, Starter, binary, until};

fn start(keys: &str) -> (World, Server) {
    let world = World::new();
    world.write(&format!(
        "sandbox = false\n[status]\nlisten = \"127.0.0.1:0\"\n{keys}"
    ));
    let file = world.file().into_os_string();
    let server = Starter::default()
        .program([binary(), "--config".into(), file])
        .start();
    (world, server)
}

/// Each of these is answered with its status, and the connection closed.
#[test]
fn what_is_not_http_is_refused() {
    let (_world, server) = start("");
    let address = listening(&server)[0];
    let long = "x".repeat(20_000);
    for (bytes, code) in [
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}", "400"),
        ("USER anonymous\r\n", "400"),
        ("GET / HTTP/2.0\r\n\r\n", "505"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", "501"),
        (&format!("GET /{long}"), "414"),
        (
            &format!("GET / HTTP/1.1\r\nHost: localhost\r\nA: {long}"),
            "431",
        ),
        (
            "POST /drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n",
            "413",
        ),
        (
            "POST /drain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            "501",
        ),
    ] {
        let mut http = Http::connect(address);
        http.send(bytes.as_bytes());
        let answer = http.rest();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {code} ")),
            "{bytes:?}: {answer}"
        );
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    // Names that another site may have pointed here, and its requests.
    for (fields, code) in [
        ("Host: evil.example", 421),
        ("Host: localhost\r\nOrigin: http://evil.example", 403),
        ("Host: localhost\r\nSec-Fetch-Site: cross-site", 403),
        ("Host: 127.0.0.1:80@evil.example", 400),
        ("Host: [::1]evil.example", 400),
        ("Host: localhost\r\nHost: localhost", 400),
        (
            "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Site: none",
            400,
        ),
    ] {
        let mut http = Http::connect(address);
        http.send(format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes());
        assert_eq!(http.answer().code, code, "{fields}");
    }
    server.connect().command("NOOP", 200);
}

/// The connection is read only as its responses are taken, and each of them is whole.
#[test]
fn pipelined_requests_are_all_answered() {
    let (_world, server) = start("");
    let mut http = Http::connect(listening(&server)[0]);
    let one = "GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n";
    http.send(one.repeat(100).as_bytes());
    for _ in 0..100 {
        assert_eq!(http.answer().code, 200);
    }
    // In pieces, with a body that is skipped.
    let other = "GET /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nxxxxx";
    for byte in other.as_bytes() {
        http.send(&[*byte]);
    }
    assert_eq!(http.answer().json()["left_out"], 0);
    http.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let head = http.rest();
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

#[test]
fn connections_return_their_descriptors() {
    let (_world, server) = start("");
    let address = listening(&server)[0];
    let before = server.descriptors();
    for round in 0..10_000 {
        let mut stream = TcpStream::connect(address).unwrap();
        // Some leave at once, some without reading, and some half-way.
        match round % 10 {
            0 => {}
            1 => std::io::Write::write_all(&mut stream, b"GET / HTTP").unwrap(),
            2 => std::io::Write::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n").unwrap(),
            _ => {
                std::io::Write::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n").unwrap();
                let mut page = Vec::new();
                std::io::Read::read_to_end(&mut stream, &mut page).unwrap();
                assert!(
                    page.starts_with(b"HTTP/1.1 200 "),
                    "{}",
                    String::from_utf8_lossy(&page)
                );
            }
        }
    }
    until("the descriptors", || {
        server.connect().command("NOOP", 200);
        (server.descriptors() <= before + 1).then_some(())
    });
}

/// Beyond the limit a connection is refused at once, and FTP is served as before.
#[test]
fn connections_are_limited() {
    let (_world, server) = start("connections = 2");
    let address = listening(&server)[0];
    let (mut one, mut other) = (Http::connect(address), Http::connect(address));
    one.get("/");
    other.get("/");
    assert!(Http::connect(address).rest().starts_with("HTTP/1.1 503 "));
    server.connect().command("NOOP", 200);
    drop(one);
    until("room", || {
        let mut third = Http::connect(address);
        third.send(b"GET / HTTP/1.0\r\n\r\n");
        third.rest().starts_with("HTTP/1.1 200 ").then_some(())
    });
}

/// Updates stop with the last reader, whose descriptor returns.
#[test]
fn updates_are_for_eight_readers_that_stay() {
    let (_world, server) = start("");
    let address = listening(&server)[0];
    let before = server.descriptors();
    let ask = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut readers: Vec<_> = (0..8).map(|_| Http::connect(address)).collect();
    for reader in &mut readers {
        reader.send(ask);
        let head = reader.until("\r\n\r\n");
        assert!(
            head.contains("\r\nContent-Type: text/event-stream\r\n"),
            "{head}"
        );
    }
    let mut ninth = Http::connect(address);
    ninth.send(ask);
    assert_eq!(ninth.answer().code, 503);
    drop(ninth);
    for reader in &mut readers {
        for _ in 0..2 {
            let update = reader.until("\n\n");
            let json = update.strip_prefix("data: ").unwrap();
            let json: serde_json::Value = serde_json::from_str(json).unwrap();
            assert!(json["stats"]["metrics"].is_object() && json["sessions"].is_object());
        }
    }
    drop(readers);
    until("the descriptors", || {
        server.connect().command("NOOP", 200);
        (server.descriptors() <= before + 1).then_some(())
    });
}
