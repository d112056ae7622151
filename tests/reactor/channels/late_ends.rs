//! Uploads in the clear whose end comes later than [`UPLOAD_END_PAUSE`] after the last byte: the control
//! connection has the same time to end too, as those of a client that was killed while it waited for data.
//!
//! The clock is that of the test, so neither side is late. `transfers::upload_ends` has real sockets.

use std::time::Duration;

use mioftpd::internals::limits::UPLOAD_END_PAUSE;
use mioftpd::internals::reactor::Protocol;

use crate::channels::server::{Client, Server};
use crate::channels::without_end_order::{is_undone, uploading};

/// The resolution of the timers.
const INSTANT: Duration = Duration::from_millis(1);

const SOON: Duration = UPLOAD_END_PAUSE.saturating_sub(INSTANT);
const LATE: Duration = UPLOAD_END_PAUSE.saturating_add(INSTANT);

/// An upload whose data connection has ended after this pause.
fn ended_after(pause: Duration) -> (Server, Client) {
    let mut server = Server::with_end_order(Protocol::Ftp);
    let (control, data) = uploading(&mut server);
    server.advance(pause);
    server.deliver_fin(&data);
    (server, control)
}

/// Lets time pass, and delivers what a worker has done then.
fn wait(server: &mut Server, time: Duration) {
    server.advance(time);
    server.advance(Duration::ZERO);
}

fn is_stored(server: &Server) -> bool {
    server.memory.read("/f").unwrap() == b"content"
}

#[test]
fn end_within_the_pause_completes_the_upload_at_once() {
    let (server, control) = ended_after(UPLOAD_END_PAUSE);
    assert!(control.wire.take().starts_with(b"226 ") && is_stored(&server));
}

#[test]
fn late_end_completes_the_upload_if_the_control_connection_stays_open() {
    let (mut server, control) = ended_after(LATE);
    wait(&mut server, SOON);
    assert_eq!(control.wire.take(), b"");
    wait(&mut server, 2 * INSTANT);
    assert!(control.wire.take().starts_with(b"226 ") && is_stored(&server));
}

#[test]
fn late_end_is_a_cut_if_the_control_connection_ends_soon_after() {
    for after in [Duration::ZERO, INSTANT, SOON] {
        let (mut server, control) = ended_after(LATE);
        wait(&mut server, after);
        server.deliver_fin(&control);
        wait(&mut server, LATE);
        assert!(control.wire.take().starts_with(b"426 "), "{after:?}");
        is_undone(&server);
    }
}

#[test]
fn end_of_control_connection_behind_a_complete_upload_changes_nothing() {
    for pause in [Duration::ZERO, LATE] {
        let (mut server, control) = ended_after(pause);
        wait(&mut server, LATE);
        server.deliver_fin(&control);
        assert!(is_stored(&server), "{pause:?}");
    }
}
