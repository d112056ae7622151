//! Uploads when the network cannot tell which of two connections ended first (an embedding program's
//! own network, or a system without free descriptors).
//!
//! In the clear, the end of the data connection is the end of the file, and a killed client looks the
//! same. So an upload counts as complete only while the control connection is open.

use mioftpd::internals::reactor::Protocol;

use crate::channels::server::{Client, Server};
use crate::channels::wire::Close;

/// A logged-in client that has sent a part of a file.
pub(super) fn uploading(server: &mut Server) -> (Client, Client) {
    let control = server.connect();
    server.deliver(&control, b"USER ftp\r\nPASS x\r\n");
    let data = server.start_upload(&control);
    let said = String::from_utf8(control.wire.take()).unwrap();
    assert!(said.lines().last().unwrap().starts_with("150 "), "{said}");
    server.deliver(&data, b"content");
    (control, data)
}

pub(super) fn is_undone(server: &Server) {
    assert_eq!(server.memory.read("/f").unwrap(), b"old");
    let left = (
        server.memory.open_handles(),
        server.memory.pending_uploads(),
    );
    assert_eq!(left, (0, 0));
}

/// The reply is sent at once; only that of a quick download is delayed.
#[test]
fn upload_is_stored_if_control_connection_is_open() {
    let mut server = Server::new(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.deliver_fin(&data);
    let said = String::from_utf8(control.wire.take()).unwrap();
    assert!(said.starts_with("226 "), "{said}");
    assert_eq!(server.memory.read("/f").unwrap(), b"content");
    assert_eq!(data.wire.lock().closed, Some(Close::Orderly));
}

#[test]
fn upload_is_discarded_if_control_connection_ends_first() {
    let mut server = Server::new(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.deliver_fin(&control);
    is_undone(&server);
    assert_eq!(data.wire.lock().closed, Some(Close::Reset));
    assert!(control.wire.take().starts_with(b"426 "));
}

#[test]
fn upload_is_discarded_if_both_connections_end_together() {
    for is_first in [false, true] {
        let mut server = Server::new(Protocol::Ftp);
        let (control, data) = uploading(&mut server);
        let ends = if is_first {
            [&data, &control]
        } else {
            [&control, &data]
        };
        server.deliver_fins(&ends);
        is_undone(&server);
        let said = String::from_utf8(control.wire.take()).unwrap();
        assert!(said.starts_with("426 "), "{said}");
    }
}

/// After QUIT, the end of the control connection is expected.
#[test]
fn upload_is_stored_after_quit() {
    let mut server = Server::new(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.deliver(&control, b"QUIT\r\n");
    server.deliver_fin(&control);
    server.deliver_fin(&data);
    let said = String::from_utf8(control.wire.take()).unwrap();
    assert!(
        said.starts_with("226 ") && said.contains("\r\n221 "),
        "{said}"
    );
    assert_eq!(server.memory.read("/f").unwrap(), b"content");
}
