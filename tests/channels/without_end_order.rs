//! Uploads over a network that cannot tell which of two connections has ended first (a host
//! program's own, or a system that is out of descriptors): what then counts as a whole file.
//!
//! In the clear the end of the data connection is all that ends a file, and the end of a client that
//! is killed looks the same. So the control connection has to be there still.

use mioftpd::reactor::Protocol;

use crate::server::{Client, Server};
use crate::wire::Close;

/// A client that has logged in, and sent a part of a file.
fn uploading(server: &mut Server) -> (Client, Client) {
    let control = server.client();
    server.hears(&control, b"USER ftp\r\nPASS x\r\n");
    let data = server.begins_upload(&control);
    let said = String::from_utf8(control.wire.take()).unwrap();
    assert!(said.lines().last().unwrap().starts_with("150 "), "{said}");
    server.hears(&data, b"content");
    (control, data)
}

fn is_undone(server: &Server) {
    assert_eq!(server.memory.read("/f").unwrap(), b"old");
    let left = (server.memory.open_handles(), server.memory.temporaries());
    assert_eq!(left, (0, 0));
}

/// And it is told so at once: only the reply of a quick download waits a moment for its client.
#[test]
fn an_upload_that_ends_while_its_client_is_there_is_whole() {
    let mut server = Server::new(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.sees_the_end(&data);
    let said = String::from_utf8(control.wire.take()).unwrap();
    assert!(said.starts_with("226 "), "{said}");
    assert_eq!(server.memory.read("/f").unwrap(), b"content");
    assert_eq!(data.wire.lock().closed, Some(Close::Orderly));
}

#[test]
fn an_upload_whose_control_connection_ends_first_is_not() {
    let mut server = Server::new(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.sees_the_end(&control);
    is_undone(&server);
    assert_eq!(data.wire.lock().closed, Some(Close::Reset));
    assert!(control.wire.take().starts_with(b"426 "));
}

#[test]
fn an_upload_that_ends_together_with_its_control_connection_is_not() {
    for is_first in [false, true] {
        let mut server = Server::new(Protocol::Ftp);
        let (control, data) = uploading(&mut server);
        let ends = if is_first {
            [&data, &control]
        } else {
            [&control, &data]
        };
        server.sees_the_ends(&ends);
        is_undone(&server);
        let said = String::from_utf8(control.wire.take()).unwrap();
        assert!(said.starts_with("426 "), "{said}");
    }
}

/// It has said that it leaves, and waits for the reply: nothing else is to be read from it.
#[test]
fn an_upload_that_ends_after_a_quit_is_whole() {
    let mut server = Server::new(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.hears(&control, b"QUIT\r\n");
    server.sees_the_end(&control);
    server.sees_the_end(&data);
    let said = String::from_utf8(control.wire.take()).unwrap();
    assert!(
        said.starts_with("226 ") && said.contains("\r\n221 "),
        "{said}"
    );
    assert_eq!(server.memory.read("/f").unwrap(), b"content");
}
