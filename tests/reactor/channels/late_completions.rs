//! Late completions of a worker: they belong to the connection that submitted the job, not to the next
//! connection in the same slot.

use std::time::Duration;

use mioftpd::internals::reactor::Protocol;

use crate::channels::server::{Client, Server};
use crate::channels::wire::Close;

fn said(client: &Client) -> String {
    String::from_utf8(client.wire.take()).unwrap()
}

/// A client whose upload waits for a worker.
fn asking(server: &mut Server, name: &str) -> Client {
    let client = server.connect();
    server.deliver(&client, b"USER ftp\r\nPASS x\r\n");
    server.workers.hold_completions(true);
    let asked = format!("TYPE I\r\nPORT 127,0,0,1,20,0\r\nSTOR {name}\r\n");
    server.deliver(&client, asked.as_bytes());
    let text = said(&client);
    assert!(text.lines().last().unwrap().starts_with("200 "), "{text}");
    client
}

#[test]
fn late_completion_is_not_delivered_to_next_connection_in_slot() {
    let mut server = Server::new(Protocol::Ftp);
    let first = asking(&mut server, "first");
    server.advance(server.timings.idle);
    assert!(said(&first).starts_with("421 "));
    server.advance(server.timings.linger + Duration::from_secs(1));
    assert_eq!(first.wire.lock().closed, Some(Close::Orderly));
    server.workers.hold_completions(false);

    let next = asking(&mut server, "next");
    server.deliver_first_completion();
    assert_eq!(said(&next), "");
    server.deliver_first_completion();
    assert!(said(&next).starts_with("150 "));
    // Both files are closed: the first was abandoned, and the second gets no data connection.
    server.deliver_first_completion();
    server.deliver_first_completion();
    assert!(said(&next).starts_with("425 "));
    let left = (
        server.memory.open_handles(),
        server.memory.pending_uploads(),
    );
    assert_eq!(left, (0, 0));
}
