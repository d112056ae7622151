//! Events are recorded with the current second: the event loop reads the wall clock on every wake-up,
//! even after a short sleep.

use std::time::Duration;

use mioftpd::internals::reactor::Protocol;

use crate::channels::server::{Server, WALL_CLOCK_OF_BEGIN};

#[test]
fn wall_clock_is_read_on_every_wake_up() {
    let mut server = Server::new(Protocol::Ftp);
    let mut wall = WALL_CLOCK_OF_BEGIN;
    for milliseconds in [0, 99, 1, 500, 499, 1, 1_000, 999, 1] {
        let pause = Duration::from_millis(milliseconds);
        wall += pause;
        server.advance(pause);
        assert_eq!(server.unix_time(), wall.as_secs().cast_signed(), "{wall:?}");
    }
}
