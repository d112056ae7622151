//! TLS as clients see it: handshakes, sessions that are resumed, and connections that end too
//! early. RFC 4217, RFC 8446.
//!
//! It owns the cases that are more than a dialogue; the dialogues are in `tests/transcripts`.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

use support::tls::{TlsClient, Version};
use support::{DataChannel, Starter};

/// A server whose directory anonymous may write, with a certificate of its own making.
fn writable() -> Starter {
    let starter = Starter::default().argument("--writable");
    starter.argument("--tls-self-signed").serving(|_| ())
}

#[test]
fn files_go_both_ways_in_every_version() {
    let server = writable().listen("127.0.0.1:0");
    let server = server.listen_for_tls("127.0.0.1:0").start();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for version in Version::ALL {
        let client = TlsClient::of(version);
        let mut control = server.private(&client);
        control.store("f", &content);
        assert!(std::fs::read(server.file("f")).unwrap() == content);
        assert!(control.retrieve("f") == content);
        let data = DataChannel::port(&mut control);
        control.command("RETR f", 150);
        assert!(data.receive() == content);
        control.expect(226);
        let mut implicit = support::Control::implicit(server.secure_address(), &client);
        implicit.log_in("anonymous", "x");
        implicit.command("TYPE I", 200);
        assert!(implicit.retrieve("f") == content);
    }
}
