//! Tests of a connection over a stream in memory: keep-alive, pipelining, streams and time-outs.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::event_loop::{Readiness, Token};
use crate::net::Registration;
use crate::status::Piece;
use crate::storage::File;

const GET: &[u8] = b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What both ends of a connection have of it.
#[derive(Default)]
struct Wire {
    /// From the client.
    incoming: Vec<u8>,
    has_ended: bool,
    outgoing: Vec<u8>,
    /// The bytes that the next writes take.
    room: usize,
    is_shut: bool,
}

#[derive(Clone, Default)]
struct TestStream(Arc<Mutex<Wire>>);

impl TestStream {
    fn wire(&self) -> std::sync::MutexGuard<'_, Wire> {
        self.0.lock().unwrap()
    }

    fn sent(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.wire().outgoing)).unwrap()
    }
}

impl Stream for TestStream {
    fn register(&mut self, _: Registration) -> io::Result<()> {
        Ok(())
    }

    fn registration(&self) -> Registration {
        Registration::Both
    }

    fn rename(&mut self, _: Token) {}

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.wire();
        let count = buffer.len().min(wire.incoming.len());
        if count == 0 && !wire.has_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<_> = wire.incoming.drain(..count).collect();
        buffer[..count].copy_from_slice(&bytes);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.wire();
        let count = bytes.len().min(wire.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wire.room -= count;
        wire.outgoing.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn send_file(&mut self, _: &dyn File, _: u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_address(&self) -> io::Result<std::net::SocketAddr> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.wire().is_shut = true;
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}

struct Client {
    stream: TestStream,
    connection: StatusConnection,
    now: Instant,
}

impl Client {
    fn new() -> Self {
        let (stream, now) = (TestStream::default(), Instant::now());
        stream.wire().room = usize::MAX;
        let connection = StatusConnection::new(Box::new(stream.clone()), true, now);
        Self {
            stream,
            connection,
            now,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> StatusTurn {
        self.stream.wire().incoming.extend_from_slice(bytes);
        self.run()
    }

    fn set_ready(&mut self) {
        self.connection.ready.set(Readiness {
            readable: true,
            writable: true,
            drain: false,
        });
    }

    /// All turns, each call answered with its name.
    fn run(&mut self) -> StatusTurn {
        self.set_ready();
        for _ in 0..1000 {
            if !self.connection.wants_turn() {
                return StatusTurn::Done;
            }
            let turn = self.connection.turn(self.now, 0, &[]);
            let turn = match turn {
                StatusTurn::Call(Call::Trace(_)) => {
                    self.connection.defer(self.now + REQUEST_TIME);
                    StatusTurn::Done
                }
                StatusTurn::Call(call) => {
                    let response = Response::ok("text/plain", format!("{call:?}").into_bytes());
                    self.connection.respond(response, self.now, 0)
                }
                turn => turn,
            };
            if turn == StatusTurn::Closed {
                return turn;
            }
        }
        panic!("the connection spins");
    }

    fn expire(&mut self) -> StatusTurn {
        self.now = self.connection.deadline().unwrap();
        self.connection.expire(self.now, 0)
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut client = Client::new();
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let all = [GET, GET, metrics, GET].concat();
    assert_eq!(client.send(&all), StatusTurn::Done);
    let sent = client.stream.sent();
    assert_eq!(sent.matches("HTTP/1.1 200 OK").count(), 3, "{sent}");
    assert!(sent.ends_with("Metrics(Plain)"), "{sent}");
    assert!(client.stream.wire().is_shut);
    // What follows the last request is discarded, until the client ends or its time is over.
    assert_eq!(client.send(GET), StatusTurn::Done);
    assert_eq!(client.stream.sent(), "");
    client.stream.wire().has_ended = true;
    assert_eq!(client.run(), StatusTurn::Closed);
}

#[test]
fn nothing_is_read_while_a_response_is_unsent() {
    let mut client = Client::new();
    client.stream.wire().room = 10;
    let all = GET.repeat(3000);
    assert_eq!(client.send(&all), StatusTurn::Done);
    assert!(client.stream.wire().incoming.len() > all.len() - HEAD_BYTES - BODY_BYTES);
    assert!(client.connection.input.len() <= HEAD_BYTES + BODY_BYTES);
    // It takes nothing in time.
    assert_eq!(client.expire(), StatusTurn::Closed);
}

#[test]
fn connection_without_a_request_is_closed_in_silence() {
    let mut client = Client::new();
    assert_eq!(
        client.connection.deadline(),
        Some(client.now + REQUEST_TIME)
    );
    assert_eq!(client.expire(), StatusTurn::Closed);
    let mut client = Client::new();
    client.send(GET);
    assert_eq!(
        client.connection.deadline(),
        Some(client.now + KEEP_ALIVE_TIME)
    );
    client.stream.sent();
    assert_eq!(client.expire(), StatusTurn::Closed);
    assert_eq!(client.stream.sent(), "");
}

/// Its time is not extended by each byte.
#[test]
fn slow_request_is_answered_with_408() {
    let mut client = Client::new();
    let end = client.now + Duration::from_millis(100) + REQUEST_TIME;
    for byte in &GET[..GET.len() - 1] {
        client.now += Duration::from_millis(100);
        assert_eq!(client.send(&[*byte]), StatusTurn::Done);
        assert_eq!(client.connection.deadline(), Some(end));
    }
    assert_eq!(client.expire(), StatusTurn::Done);
    assert!(client.stream.sent().starts_with("HTTP/1.1 408 "));
    // And lingers.
    assert_eq!(client.expire(), StatusTurn::Closed);
}

#[test]
fn invalid_request_is_the_last() {
    let mut client = Client::new();
    assert_eq!(client.send(b"\x16\x03\x01\0"), StatusTurn::Done);
    let sent = client.stream.sent();
    assert!(sent.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{sent}");
    assert!(sent.contains("\r\nConnection: close\r\n"), "{sent}");
    assert_eq!(client.send(GET), StatusTurn::Done);
    assert_eq!(client.stream.sent(), "");
}

#[test]
fn slow_reader_of_a_stream_misses_updates() {
    let mut client = Client::new();
    client.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = client.stream.sent();
    assert!(!head.contains("Content-Length"), "{head}");
    assert!(client.connection.is_streaming() && client.connection.deadline().is_none());
    client.connection.update(b"one;", client.now);
    client.stream.wire().room = 2;
    for update in [b"two;", b"3333", b"4444"] {
        client.connection.update(update, client.now);
    }
    assert_eq!(client.stream.sent(), "one;tw");
    client.stream.wire().room = usize::MAX;
    assert_eq!(client.run(), StatusTurn::Done);
    client.connection.update(b"last;", client.now);
    assert_eq!(client.stream.sent(), "o;last;");
    // Without a reader, and without a byte taken in time.
    client.stream.wire().room = 0;
    client.connection.update(b"stalls", client.now);
    assert_eq!(client.expire(), StatusTurn::Closed);
    client.stream.wire().has_ended = true;
    assert_eq!(client.run(), StatusTurn::Closed);
}

#[test]
fn head_of_a_stream_is_no_stream() {
    let mut client = Client::new();
    client.send(b"HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = client.stream.sent();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    // As that of the stream: the body would have no length, and end with the connection.
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(!head.contains("Content-Length"), "{head}");
    assert!(!client.connection.is_streaming() && client.stream.wire().is_shut);
}

const TRACE: &[u8] = b"POST /trace HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A client whose trace is on its way.
fn deferred() -> (Client, SyncSender<Piece>) {
    let mut client = Client::new();
    client.send(&[TRACE, GET].concat());
    assert!(client.connection.is_deferred());
    assert_eq!(client.stream.sent(), "");
    let (to, pieces) = sync_channel(9);
    client.connection.begin_arrival(pieces, client.now);
    (client, to)
}

#[test]
fn deferred_response_comes_in_pieces_and_is_the_last() {
    let (mut client, to) = deferred();
    assert_eq!(client.run(), StatusTurn::Done);
    assert!(!client.connection.wants_turn(), "it waits without a piece");
    to.send(Piece::Length(8)).unwrap();
    client.connection.wake();
    client.run();
    let head = client.stream.sent();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.ends_with("Connection: close\r\nContent-Length: 8\r\n\r\n"));
    client.stream.wire().room = 2;
    for piece in ["abc", "defgh"] {
        to.send(Piece::Bytes(piece.into())).unwrap();
    }
    client.connection.wake();
    client.run();
    assert_eq!(client.stream.sent(), "ab");
    client.stream.wire().room = usize::MAX;
    // What the client sends meanwhile is no request.
    assert_eq!(client.send(GET), StatusTurn::Done);
    assert_eq!(client.stream.sent(), "cdefgh");
    assert!(client.stream.wire().is_shut && !client.connection.is_deferred());
    assert_eq!(client.expire(), StatusTurn::Closed);
}

#[test]
fn deferred_response_that_does_not_come_is_an_error() {
    let (mut client, to) = deferred();
    drop(to);
    client.run();
    assert!(client.stream.sent().starts_with("HTTP/1.1 503 "));
    assert!(client.stream.wire().is_shut);
    // Cut behind its head, only the end of the connection can say so.
    let (mut client, to) = deferred();
    to.send(Piece::Length(8)).unwrap();
    drop(to);
    assert_eq!(client.run(), StatusTurn::Closed);
}

#[test]
fn deferred_response_waits_for_no_client_and_no_thread_forever() {
    let (mut client, to) = deferred();
    assert_eq!(client.expire(), StatusTurn::Closed);
    let (mut client, _to) = deferred();
    client.stream.wire().has_ended = true;
    assert_eq!(client.run(), StatusTurn::Closed);
    drop((client, to));
}
