//! What the system refuses, in the middle of things: descriptors, and bytes of a file.
//!
//! The client in question hears so at once, and the server goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write as _;

use rustix::process::Resource;
use support::Server;

#[test]
fn no_descriptor_for_a_data_connection_is_425_at_once() {
    let server = Server::read_only(|root| fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    let port = support::epsv_port(&mut control);
    let before = server.limit(Resource::Nofile, Some(1));
    let _data = std::net::TcpStream::connect((server.address().ip(), port)).unwrap();
    server.wait_for_log("Cannot accept a data connection");
    server.limit(Resource::Nofile, before);
    control.command("RETR f", 150);
    control.expect(425);
    assert_eq!(control.retrieve("f"), b"content");
}

#[test]
fn no_descriptor_for_a_client_is_a_wait_for_it() {
    let server = Server::read_only(|root| fs::write(root.join("f"), "content").unwrap());
    let mut inside = server.login();
    let before = server.limit(Resource::Nofile, Some(1));
    let outside = std::net::TcpStream::connect(server.address()).unwrap();
    server.wait_for_log("Cannot accept a connection");
    inside.command("NOOP", 200);
    server.limit(Resource::Nofile, before);
    support::Control::over(outside).expect(220);
}

#[test]
fn a_file_that_may_not_grow_is_552_and_leaves_the_old_one() {
    let server = Server::writable(|root| fs::write(root.join("f"), "old").unwrap());
    server.limit(Resource::Fsize, Some(100_000));
    let mut control = server.login();
    let mut data = control.passive().stream();
    control.command("STOR f", 150);
    // The server closes while there is more to come.
    let _ = data.write_all(&vec![b'x'; 1 << 20]);
    drop(data);
    control.expect(552);
    control.command("NOOP", 200);
    assert_eq!(fs::read(server.file("f")).unwrap(), b"old");
    assert_eq!(server.names(), ["f"]);
}
