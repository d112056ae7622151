//! The walks of the book (`src/book/server`) whose system calls are compared with those of their pages.

use std::io::Write as _;
use std::net::Shutdown;

use rustix::net::{SendFlags, send};

use crate::book_calls::{Traced, assert_page};

fn fetch(traced: &mut Traced, name: &str) {
    let data = traced.passive();
    traced.control.command(&format!("RETR {name}"), 150);
    std::io::copy(&mut &data, &mut std::io::sink()).unwrap();
    drop(data);
    traced.control.expect(226);
}

#[test]
fn noop_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/noop.md");
    assert_page(page, "The system calls", |traced| {
        traced.begin();
        traced.control.command("NOOP", 200);
    });
}

#[test]
fn small_retr_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/retr.md");
    assert_page(page, "The system calls of a small file", |traced| {
        fetch(traced, "small");
    });
}

#[test]
fn large_retr_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/retr.md");
    assert_page(page, "The system calls of a large file", |traced| {
        fetch(traced, "large");
    });
}

#[test]
fn stor_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/stor.md");
    assert_page(page, "The system calls", |traced| {
        let mut data = traced.passive();
        traced.control.command("STOR new", 150);
        // One segment has the bytes and the end, or the worker would wait for the end in between.
        send(&data, &[b'n'; 1000], SendFlags::MORE).unwrap();
        data.flush().unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        traced.control.expect(226);
    });
}

#[test]
fn shutdown_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/shutdown.md");
    assert_page(page, "The system calls", |traced| {
        traced.begin();
        traced.stop();
    });
}

/// Walks of a server with a configuration file.
#[cfg(feature = "config")]
mod configured {
    use crate::book_calls::assert_page_with;
    #[cfg(feature = "tls")]
    use crate::support::Control;
    #[cfg(feature = "tls")]
    use crate::support::tls::{TlsClient, Version};

    #[test]
    fn timeout_makes_the_calls_of_its_page() {
        let page = include_str!("../../src/book/server/timeout.md");
        let idle =
            "[timings]\nidle = \"8s\"\n[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n";
        assert_page_with(idle, page, "The system calls", |traced| {
            traced.begin();
            traced.control.command("NOOP", 200);
            traced.control.expect(421);
            traced.control.expect_end();
            traced.reconnect();
        });
    }

    #[cfg(feature = "hashed-passwords")]
    #[test]
    fn password_makes_the_calls_of_its_page() {
        let page = include_str!("../../src/book/server/password.md");
        let accounts = "[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n\
            [[account]]\nname = \"ann\"\n\
            password = \"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\"\n";
        assert_page_with(accounts, page, "The system calls", |traced| {
            // The thread for hashes begins.
            traced.control.log_in("ann", "secret");
            traced.begin();
            traced.control.log_in("ann", "secret");
        });
    }

    #[cfg(feature = "tls")]
    #[test]
    fn auth_tls_makes_the_calls_of_its_page() {
        let page = include_str!("../../src/book/server/auth_tls.md");
        let tls =
            "[tls]\nself-signed = true\n[[account]]\nname = \"anonymous\"\npermissions = \"all\"\n";
        assert_page_with(tls, page, "The system calls", |traced| {
            let client = TlsClient::of(Version::V13);
            // The thread for handshakes begins.
            let mut other = Control::secured(traced.server.address(), &client);
            other.command("NOOP", 200);
            traced.begin();
            traced.control.command("AUTH TLS", 234);
            traced.control.secure(&client);
            // The session tickets: before them a command would come with the last record of the handshake.
            traced.control.socket().peek(&mut [0]).unwrap();
            traced.control.command("NOOP", 200);
            // The mark would not be seen within TLS.
            traced.control = traced.server.connect();
        });
    }
}
