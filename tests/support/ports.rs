//! Ports for servers that are told which ones to take.
//!
//! Not found by binding one: the socket would have copies, until their `exec`, in the processes that
//! other tests start meanwhile, and its port would be taken as long.

use std::fs;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use super::until;

/// How many ports in a row there are at most.
const ROW: u16 = 16;

/// The first of [`ROW`] ports that nobody has, at no address: below those that the system gives by
/// itself, so that nobody is given one before it is taken.
pub fn free_ports() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    until("free ports", || {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed);
        // Not where others begin who run tests at the same time.
        let row = (process::id() % 750 * 97 + u32::from(calls)) % 750;
        let first = 20_000 + u16::try_from(row).unwrap() * ROW;
        let taken = taken_ports();
        let is_free = |port: &u16| !taken.contains(port);
        (first..first + ROW)
            .all(|port| is_free(&port))
            .then_some(first)
    })
}

/// The local ports of all TCP sockets, with what copies there are of them.
fn taken_ports() -> Vec<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let port = |line: &str| {
        let (_, port) = line.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    let tables = tables.iter().flatten();
    tables
        .flat_map(|table| table.lines().filter_map(port))
        .collect()
}
