//! What the tests over real sockets share: the server as a child process, a client that
//! speaks plain FTP under deadlines, and a script of one dialogue in a text file.
//!
//! Nothing here knows the server's insides: these are the eyes of a client.
//!
//! `MIOFTPD_TEST_SERVER=PATH` tests another binary, for example a static release build.

// Every test program compiles this module and uses a part of it; none is seen from outside.
#![allow(dead_code, unused_imports, unreachable_pub)]

pub mod certificates;
mod control;
mod data;
pub mod pattern;
mod ports;
mod server;
pub mod tables;
pub mod tls;
pub mod transcript;

use std::time::{Duration, Instant};

pub use control::{Control, Reply};
pub use data::{
    DataChannel, abort_connection, connect_from, end_connection, epsv_port, host_port, pasv_port,
    read_all, send_urgent,
};
pub use ports::free_ports;
pub use server::{Server, Starter, binary, mioftpd};

/// How long anything may take that should be quick: generous, because a busy machine is no
/// failure (a thread with the lowest priority waits for seconds there), and finite, because a hanging
/// test tells nothing.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Most of these rounds are as they should be. It is for what depends on the order in which two
/// connections end: the kernel does not always hear of that in the order in which it was, because a
/// segment waits while its connection is in a call, and one processor does not wait for another; and
/// a busy machine is late.
pub fn mostly(round: impl FnMut(&u8) -> bool) {
    let right = (0..20).filter(round).count();
    assert!(right > 12, "{right} of 20");
}

/// Tries until `probe` has an answer or the deadline is over; the probe has to wait for
/// something itself (a reply, a read), so that this does not spin.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
