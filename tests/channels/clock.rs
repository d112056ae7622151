//! The time of an event is the second in which it happens: the loop reads the wall clock whenever it
//! wakes, however short it slept.

use std::time::Duration;

use mioftpd::reactor::Protocol;

use crate::server::{Server, WALL_CLOCK_OF_BEGIN};

#[test]
fn a_second_that_has_begun_is_that_of_the_next_event() {
    let mut server = Server::new(Protocol::Ftp);
    let mut wall = WALL_CLOCK_OF_BEGIN;
    for milliseconds in [0, 99, 1, 500, 499, 1, 1_000, 999, 1] {
        let pause = Duration::from_millis(milliseconds);
        wall += pause;
        server.waits(pause);
        assert_eq!(server.unix_time(), wall.as_secs().cast_signed(), "{wall:?}");
    }
}
