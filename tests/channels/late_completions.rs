//! What a worker brings late: it is for the connection that has asked for it, and not for the one that
//! has its place by then.

use std::time::Duration;

use mioftpd::reactor::Protocol;

use crate::server::{Client, Server};
use crate::wire::Close;

fn said(client: &Client) -> String {
    String::from_utf8(client.wire.take()).unwrap()
}

/// A client that has asked for an upload, which waits for a worker.
fn asking(server: &mut Server, name: &str) -> Client {
    let client = server.client();
    server.hears(&client, b"USER ftp\r\nPASS x\r\n");
    server.holds_jobs_back();
    let asked = format!("TYPE I\r\nPORT 127,0,0,1,20,0\r\nSTOR {name}\r\n");
    server.hears(&client, asked.as_bytes());
    let text = said(&client);
    assert!(text.lines().last().unwrap().starts_with("200 "), "{text}");
    client
}

#[test]
fn what_comes_late_is_not_for_the_next_in_the_same_place() {
    let mut server = Server::new(Protocol::Ftp);
    let first = asking(&mut server, "first");
    server.waits(server.timings.idle);
    assert!(said(&first).starts_with("421 "));
    server.waits(server.timings.linger + Duration::from_secs(1));
    assert_eq!(first.wire.lock().closed, Some(Close::Orderly));
    server.lets_jobs_go();

    let next = asking(&mut server, "next");
    server.brings_the_first_job();
    assert_eq!(said(&next), "");
    server.brings_the_first_job();
    assert!(said(&next).starts_with("150 "));
    // Both files are closed, the one that nobody wants and the one to which nobody connects.
    server.brings_the_first_job();
    server.brings_the_first_job();
    assert!(said(&next).starts_with("425 "));
    let left = (server.memory.open_handles(), server.memory.temporaries());
    assert_eq!(left, (0, 0));
}
